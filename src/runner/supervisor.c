/*
 * The supervisor: one thread, one wait (http_wait), no blocking work.
 *
 *   claim      asks the backend while a slot is free  ──body──▶  journal (on disk first)
 *   slots      one ostest-job each                    ◀─start──  work: claims waiting for a slot
 *   journal    result.json of an ended job            ──────▶    spool
 *   delivery   spool ──▶ backend, until it has it
 *
 * Each claim is in exactly one place at a time, and that place is on disk: jobs/<key>/task.json
 * until its result is in spool/<key>.json, and there until the backend has it. So the runner may
 * die at any moment; at the next start it takes up what it finds.
 *
 * Told to stop, it goes through three levels: DRAIN (no new task; running ones finish), STOP (jobs
 * are told to end, their claims stay on disk; what is in the spool gets a last chance), LEAVE.
 */

#include "runner/supervisor.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/pidtree.h"
#include "base/proc.h"
#include "base/url.h"
#include "model/task.h"
#include "runner/claim.h"
#include "runner/delivery.h"
#include "runner/journal.h"
#include "runner/slot.h"
#include "runner/worklist.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define DISK_RETRY_MS 5000   /* after a fault of the state directory */
#define STOP_LIMIT_MS 15000  /* from level STOP on: for jobs to end, and for last deliveries */
#define LABEL_MAX_BYTES 64

enum level { WORK, DRAIN, STOP, LEAVE };

struct supervisor {
    const struct options *options;
    char *urls[4]; /* get, post, login, refresh */
    char *cache_dir, *jobs_dir, *job_config;
    struct slot_program program;

    struct ev *ev;
    struct http *http;
    struct auth *auth;
    struct backend *backend;
    struct journal *journal;
    struct spool *spool;
    struct delivery *delivery;
    struct claim *claim;
    int signal_fd;
    struct ev_source signals;
    struct ev_timer level_timer; /* the end of DRAIN or STOP */
    struct ev_timer disk_timer;

    struct slot *slots;
    struct worklist work;    /* claims and garbage that wait for a slot */
    struct buf unsaved;      /* a claim that the disk did not take; no question is asked meanwhile */
    int64_t disk_not_before_ms;
    uint64_t claims;         /* taken since the start */
    enum level level;
    char last_trouble[1024]; /* so that the same trouble is logged once */
};

/* ---- what is logged ---- */

/* Trouble that repeats is news once; after that it is for those who look closely. */
static void log_trouble(struct supervisor *s, enum log_level level, const char *message)
{
    bool news = strncmp(s->last_trouble, message, sizeof(s->last_trouble) - 1) != 0;
    log_write(news ? level : LOG_LEVEL_DEBUG, "%s", message);
    snprintf(s->last_trouble, sizeof(s->last_trouble), "%s", message);
}

/* The id as it stands in log lines: without quotes, not too long. The caller frees. */
static char *label_of(const struct task *task)
{
    const char *id = task->id_json;
    size_t quoted = id[0] == '"';
    size_t len = strlen(id) - 2 * quoted;
    return mem_strndup(id + quoted, MIN(len, (size_t)LABEL_MAX_BYTES));
}

static void log_claim(const struct task *task, const char *label, const char *key)
{
    CLEANUP(mem_freep) char *url = url_without_userinfo(task->repository_url);
    log_info("task=%s claimed key=%s repository=%s branch=%s lab=%lld tests=%zu", label, key, url,
             task->branch ? task->branch : "(default)", (long long)task_stage(task), task->tests.len);
}

/* ---- the disk ---- */

static void proceed(struct supervisor *s);

static void on_disk_timer(void *data)
{
    proceed(data);
}

/* The state directory gives trouble: nothing is lost, but nothing goes on until it is well again. */
static void wait_for_disk(struct supervisor *s, const char *message)
{
    CLEANUP(mem_freep) char *text = mem_printf("The state directory gives trouble: %s", message);
    log_trouble(s, LOG_LEVEL_CRITICAL, text);
    s->disk_not_before_ms = clock_now_ms() + DISK_RETRY_MS;
    ev_timer_at(s->ev, &s->disk_timer, s->disk_not_before_ms, on_disk_timer, s);
}

/* ---- slots ---- */

static size_t count_slots(const struct supervisor *s, enum slot_work work)
{
    size_t n = 0;
    for (int64_t i = 0; i < s->options->concurrent; i++)
        n += s->slots[i].work == work;
    return n;
}

static struct slot *find_slot(struct supervisor *s, pid_t pid)
{
    for (int64_t i = 0; i < s->options->concurrent; i++)
        if (pid ? s->slots[i].work != SLOT_FREE && s->slots[i].pid == pid : s->slots[i].work == SLOT_FREE)
            return &s->slots[i];
    return NULL;
}

/* The result goes into the spool, the rest of the claim's directory goes away. */
static int finish(struct supervisor *s, const char *key, const char *label)
{
    struct err err = {0};
    int r = journal_hand_over(s->journal, key, &err);
    if (r < 0) {
        worklist_add(&s->work, SLOT_RUN, key, label);
        wait_for_disk(s, err.message);
        return r;
    }
    spool_add(s->spool, key);
    r = journal_remove(s->journal, key, &err);
    if (r == -ENOTEMPTY)
        worklist_add(&s->work, SLOT_CLEAN, key, label);
    else if (r < 0)
        log_warning("task=%s %s", label, err.message);
    return 0;
}

static void finish_with_error(struct supervisor *s, const char *key, const char *label, const char *details)
{
    struct err err = {0};
    log_error("task=%s %s", label, details);
    if (journal_write_error(s->journal, key, details, &err) == 0) {
        finish(s, key, label);
        return;
    }
    worklist_add(&s->work, SLOT_RUN, key, label);
    wait_for_disk(s, err.message);
}

/* Counts the start; false where the claim must not be started any more, or not now. */
static bool count_start(struct supervisor *s, const struct worklist_item *item)
{
    struct err err = {0};
    unsigned starts;
    if (journal_count_start(s->journal, item->key, &starts, &err) < 0) {
        worklist_add(&s->work, item->work, item->key, item->label);
        wait_for_disk(s, err.message);
        return false;
    }
    if (starts <= s->options->task_tries)
        return true;
    CLEANUP(mem_freep) char *details =
        mem_printf("The task was started %u times, and each time the runner or its job died before the end", starts - 1);
    finish_with_error(s, item->key, item->label, details);
    return false;
}

static void start_item(struct supervisor *s, const struct worklist_item *item)
{
    struct err err = {0};
    if (item->work == SLOT_RUN && journal_has_result(s->journal, item->key)) {
        finish(s, item->key, item->label);
        return;
    }
    if (item->work == SLOT_RUN && !count_start(s, item))
        return;
    if (slot_start(find_slot(s, 0), s->ev, &s->program, item->work, item->key, item->label, &err) == 0)
        return;
    worklist_add(&s->work, item->work, item->key, item->label);
    wait_for_disk(s, err.message);
}

static void start_work(struct supervisor *s)
{
    struct worklist_item item;
    while (clock_now_ms() >= s->disk_not_before_ms && find_slot(s, 0) &&
           worklist_take(&s->work, s->level < STOP, &item)) {
        start_item(s, &item);
        worklist_item_done(&item);
    }
}

static void judge_run_end(struct supervisor *s, const struct slot *slot, int status)
{
    long long seconds = (long long)(clock_now_ms() - slot->start_ms) / 1000;
    if (journal_has_result(s->journal, slot->key)) {
        log_info("task=%s done seconds=%lld", slot->label, seconds);
        finish(s, slot->key, slot->label);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EX_TEMPFAIL) {
        log_warning("task=%s was stopped; it is taken up again at the next start", slot->label);
    } else {
        log_error("task=%s the job died (%s %d) without a result", slot->label, WIFEXITED(status) ? "exit status" : "signal",
                  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        worklist_add(&s->work, SLOT_RUN, slot->key, slot->label);
    }
}

static void end_orphans(struct supervisor *s)
{
    CLEANUP(mem_freep) pid_t *jobs = mem_alloc((size_t)s->options->concurrent * sizeof(*jobs));
    size_t len = 0;
    for (int64_t i = 0; i < s->options->concurrent; i++)
        if (s->slots[i].work != SLOT_FREE)
            jobs[len++] = s->slots[i].pid;
    pidtree_kill_others(getpid(), jobs, len);
}

static void on_job_end(struct supervisor *s, struct slot *slot, int status)
{
    struct err err = {0};
    slot_ended(slot);
    enum slot_work work = slot->work;
    slot->work = SLOT_FREE;
    if (!WIFEXITED(status))
        end_orphans(s); /* it could not end what it had started */
    if (work == SLOT_RUN)
        judge_run_end(s, slot, status);
    else if (journal_remove(s->journal, slot->key, &err) < 0)
        log_error("task=%s %s", slot->label, err.message);
    slot_release(slot);
}

static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;
    bool any = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct slot *slot = find_slot(s, pid);
        if (slot)
            on_job_end(s, slot, status);
        any = any || slot;
    }
    if (any) {
        proceed(s);
        claim_hurry(s->claim);
    }
}

/* ---- claims ---- */

static bool is_last_task_taken(const struct supervisor *s)
{
    return s->options->max_tasks && s->claims >= (uint64_t)s->options->max_tasks;
}

static bool may_ask(void *data)
{
    struct supervisor *s = data;
    return s->level == WORK && !is_last_task_taken(s) && !s->unsaved.len && clock_now_ms() >= s->disk_not_before_ms &&
           count_slots(s, SLOT_FREE) > worklist_len(&s->work);
}

/* Whether a claim that is being worked on is this very one: the same answer, byte for byte. */
static bool is_same_claim(struct supervisor *s, const char *key, const char *body, size_t len)
{
    CLEANUP(buf_done) struct buf old = BUF_INIT(0);
    return journal_read(s->journal, key, &old, NULL) == 0 && old.len == len && memcmp(old.data, body, len) == 0;
}

static bool is_in_work(struct supervisor *s, const char *label, const char *body, size_t len)
{
    for (int64_t i = 0; i < s->options->concurrent; i++)
        if (s->slots[i].work == SLOT_RUN && strcmp(s->slots[i].label, label) == 0 &&
            is_same_claim(s, s->slots[i].key, body, len))
            return true;
    return false;
}

/* On disk first. False where the disk does not take it: it is kept in memory, and tried again. */
static bool save_claim(struct supervisor *s, const struct task *task, const struct err *fault, const char *body,
                       size_t len)
{
    CLEANUP(mem_freep) char *label = label_of(task);
    CLEANUP(mem_freep) char *key = NULL;
    struct err err = {0};
    if (is_in_work(s, label, body, len)) {
        log_warning("task=%s was handed out again while it is being worked on: one result answers both", label);
        return true;
    }
    if (journal_add(s->journal, task, body, len, &key, &err) < 0) {
        wait_for_disk(s, err.message);
        return false;
    }
    s->claims++;
    if (fault) {
        finish_with_error(s, key, label, fault->message);
        return true;
    }
    log_claim(task, label, key);
    worklist_add(&s->work, SLOT_RUN, key, label);
    return true;
}

static bool on_body(const char *body, size_t len, void *data)
{
    struct supervisor *s = data;
    CLEANUP(task_done) struct task task = {0};
    struct err err = {0};
    enum task_answer answer = task_parse(body, len, &task, &err);
    if (answer == TASK_UNUSABLE)
        log_trouble(s, LOG_LEVEL_ERROR, err.message);
    if (answer == TASK_UNUSABLE || answer == TASK_NONE)
        return false;
    s->last_trouble[0] = '\0';
    if (!save_claim(s, &task, answer == TASK_MALFORMED ? &err : NULL, body, len)) {
        buf_append(&s->unsaved, body, len);
        return false;
    }
    proceed(s);
    return true;
}

static void save_unsaved(struct supervisor *s)
{
    if (!s->unsaved.len || clock_now_ms() < s->disk_not_before_ms)
        return;
    CLEANUP(task_done) struct task task = {0};
    struct err err = {0};
    enum task_answer answer = task_parse(s->unsaved.data, s->unsaved.len, &task, &err);
    if (save_claim(s, &task, answer == TASK_MALFORMED ? &err : NULL, s->unsaved.data, s->unsaved.len))
        buf_clear(&s->unsaved);
}

static void on_claim_trouble(const struct backend_answer *answer, void *data)
{
    bool for_a_person = answer->outcome == BACKEND_FORBIDDEN;
    log_trouble(data, for_a_person ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, answer->message);
}

/* ---- what the others tell ---- */

static void on_auth(enum auth_event event, const char *message, void *data)
{
    struct supervisor *s = data;
    static const enum log_level levels[] = {[AUTH_LOGGED_IN] = LOG_LEVEL_INFO,
                                            [AUTH_REFRESHED] = LOG_LEVEL_DEBUG,
                                            [AUTH_REFUSED] = LOG_LEVEL_ERROR,
                                            [AUTH_FAILED] = LOG_LEVEL_WARNING};
    if (message && (event == AUTH_REFUSED || event == AUTH_FAILED))
        log_trouble(s, levels[event], message);
    else if (message)
        log_write(levels[event], "%s", message);
    delivery_kick(s->delivery);
    claim_kick(s->claim);
}

static void on_delivery(enum delivery_event event, const char *key, const char *message, void *data)
{
    struct supervisor *s = data;
    switch (event) {
    case DELIVERY_DONE:
        log_info("delivered key=%s waiting=%zu", key, spool_len(s->spool));
        break;
    case DELIVERY_REJECTED:
        log_error("refused key=%s: %s; kept in rejected/ with the answer", key, message);
        break;
    case DELIVERY_DELAYED:
        log_trouble(s, LOG_LEVEL_WARNING, message);
        break;
    case DELIVERY_BROKEN:
        log_error("spool key=%s: %s", key, message);
        break;
    }
}

/* ---- stopping ---- */

static void on_level_timer(void *data);

static void set_level(struct supervisor *s, enum level level)
{
    if (level <= s->level)
        return;
    s->level = level;
    int64_t limit_ms = level == DRAIN ? s->options->drain_timeout_ms : STOP_LIMIT_MS;
    if (limit_ms)
        ev_timer_at(s->ev, &s->level_timer, clock_now_ms() + limit_ms, on_level_timer, s);
    if (level == DRAIN)
        log_info("stopping: %zu tasks are finished first, %zu results delivered; once more to stop them",
                 count_slots(s, SLOT_RUN), spool_len(s->spool));
    if (level == STOP)
        log_warning("stopping %zu running tasks: they are taken up again at the next start", count_slots(s, SLOT_RUN));
    for (int64_t i = 0; level == STOP && i < s->options->concurrent; i++)
        slot_stop(&s->slots[i]);
}

static void on_level_timer(void *data)
{
    struct supervisor *s = data;
    log_warning("the time for stopping is over");
    set_level(s, s->level + 1);
}

static bool is_finished(const struct supervisor *s)
{
    if (s->level == LEAVE)
        return true;
    bool stopping = s->level >= DRAIN || is_last_task_taken(s);
    bool has_work = worklist_len(&s->work) > worklist_claims(&s->work) || (s->level == WORK && worklist_len(&s->work));
    return stopping && !claim_is_busy(s->claim) && !s->unsaved.len && !has_work &&
           count_slots(s, SLOT_FREE) == (size_t)s->options->concurrent && !spool_len(s->spool);
}

static void on_signal(uint32_t events, void *data)
{
    struct supervisor *s = data;
    struct signalfd_siginfo info;
    struct err err = {0};
    while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            reap(s);
        else if (info.ssi_signo == SIGHUP && log_reopen(&err) < 0)
            log_error("%s", err.message);
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            set_level(s, s->level + 1);
    }
}

/* ---- putting it together ---- */

/* Takes every next step that can be taken. Called whenever something has changed. */
static void proceed(struct supervisor *s)
{
    save_unsaved(s);
    start_work(s);
    delivery_kick(s->delivery);
    claim_kick(s->claim);
}

static int open_signals(struct supervisor *s, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0)
        return err_errno(err, errno, "Cannot receive signals");
    return ev_add_fd(s->ev, &s->signals, s->signal_fd, on_signal, s, err);
}

/* What an earlier run has left: claims to run again, garbage, results to deliver. */
static int recover(struct supervisor *s, struct err *err)
{
    CLEANUP(strv_done) struct strv claims = {0};
    CLEANUP(strv_done) struct strv garbage = {0};
    int r = journal_list(s->journal, &claims, &garbage, err);
    for (size_t i = 0; r == 0 && i < claims.len; i++)
        worklist_add(&s->work, SLOT_RUN, claims.items[i], claims.items[i]);
    for (size_t i = 0; r == 0 && i < garbage.len; i++)
        if (journal_remove(s->journal, garbage.items[i], NULL) < 0)
            worklist_add(&s->work, SLOT_CLEAN, garbage.items[i], garbage.items[i]);
    if (r == 0 && (claims.len || garbage.len || spool_len(s->spool)))
        log_info("found from an earlier run: %zu tasks to run, %zu results to deliver, %zu directories to clean", claims.len,
                 spool_len(s->spool), garbage.len);
    return r;
}

static int open_all(struct supervisor *s, const char *job_program, struct err *err)
{
    const struct options *o = s->options;
    const char *const apis[] = {o->get_api, o->post_api, o->login_api, o->token_refresh_api};
    size_t base_len = strlen(o->backend_url);
    while (base_len && o->backend_url[base_len - 1] == '/')
        base_len--;
    for (size_t i = 0; i < ARRAY_LEN(apis); i++)
        s->urls[i] = mem_printf("%.*s%s", (int)base_len, o->backend_url, apis[i]);
    s->cache_dir = mem_printf("%s/cache", o->state_dir);
    s->jobs_dir = mem_printf("%s/jobs", o->state_dir);
    s->job_config = mem_printf("%s/job.conf", o->state_dir);
    s->program = (struct slot_program){job_program, s->job_config, s->cache_dir, s->jobs_dir};
    s->slots = mem_alloc((size_t)o->concurrent * sizeof(*s->slots));
    int r = options_write_job_file(o, s->job_config, err);
    if (r == 0)
        r = fs_make_dirs(s->cache_dir, 0700, err);
    if (r == 0)
        r = ev_new(&s->ev, err);
    if (r == 0)
        r = open_signals(s, err);
    if (r == 0)
        r = proc_become_subreaper(err);
    if (r == 0)
        r = http_new(&s->http, err);
    if (r == 0)
        r = journal_open(o->state_dir, &s->journal, err);
    if (r == 0)
        r = spool_open(o->state_dir, &s->spool, err);
    return r;
}

static void connect_all(struct supervisor *s)
{
    const struct options *o = s->options;
    struct auth_settings settings = {o->auth, s->urls[2], s->urls[3], o->login, o->password, o->refresh_ms};
    struct claim_calls calls = {may_ask, on_body, on_claim_trouble};
    s->auth = auth_new(&settings, s->ev, s->http, on_auth, s);
    s->backend = backend_new(s->http, s->auth, s->urls[0], s->urls[1], o->login);
    s->delivery = delivery_new(s->ev, s->spool, s->backend, on_delivery, s);
    s->claim = claim_new(s->ev, s->backend, o->check_interval_ms, &calls, s);
}

static void supervisor_done(struct supervisor *s)
{
    for (int64_t i = 0; s->slots && i < s->options->concurrent; i++)
        if (s->slots[i].work != SLOT_FREE)
            slot_release(&s->slots[i]);
    http_free(s->http);
    claim_free(s->claim);
    delivery_free(s->delivery);
    backend_free(s->backend);
    auth_free(s->auth);
    spool_free(s->spool);
    journal_free(s->journal);
    ev_free(s->ev);
    fd_close(s->signal_fd);
    for (size_t i = 0; i < ARRAY_LEN(s->urls); i++)
        free(s->urls[i]);
    worklist_done(&s->work);
    buf_done(&s->unsaved);
    free(s->cache_dir);
    free(s->jobs_dir);
    free(s->job_config);
    free(s->slots);
}

int supervisor_run(const struct options *options, const char *job_program, struct err *err)
{
    CLEANUP(supervisor_done) struct supervisor s = {.options = options, .signal_fd = -1};
    int r = open_all(&s, job_program, err);
    if (r < 0)
        return r;
    connect_all(&s);
    r = recover(&s, err);
    if (r < 0)
        return r;
    proceed(&s);
    while (!is_finished(&s)) {
        r = http_wait(s.http, ev_fd(s.ev), clock_poll_timeout_ms(ev_next_deadline_ms(s.ev)), err);
        if (r < 0)
            return r;
        ev_dispatch(s.ev);
        if (s.level == WORK && is_last_task_taken(&s))
            start_work(&s);
    }
    if (spool_len(s.spool) || count_slots(&s, SLOT_FREE) < (size_t)options->concurrent)
        log_warning("left on disk for the next start: %zu results, %zu running tasks", spool_len(s.spool),
                    count_slots(&s, SLOT_RUN));
    return s.level == LEAVE;
}
