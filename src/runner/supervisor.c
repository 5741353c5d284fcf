/*
 * The supervisor: one thread, one wait (http_wait), no blocking work.
 *
 *   claim     requests tasks while jobs have room, and passes the answers to jobs
 *   jobs      claim on disk ─▶ ostest-job in a slot ─▶ result in the spool
 *   delivery  spool ─▶ backend
 *
 * After every event proceed() takes all steps that can be taken, so no module needs to know what
 * the others wait for.
 *
 * A stop goes through levels: DRAIN (no new claims, running jobs finish), STOP (jobs are stopped,
 * their claims stay on disk, results are delivered once more), LEAVE.
 */

#include "runner/supervisor.h"

#include "base/children.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "model/task.h"
#include "runner/executor/cache_trimmer.h"
#include "runner/executor/local.h"
#include "runner/executor/slurm/slurm.h"
#include "runner/queue/admission.h"
#include "runner/queue/claim.h"
#include "runner/queue/delivery.h"
#include "runner/queue/jobs.h"
#include "runner/service/reload.h"
#include "runner/service/service.h"
#include "runner/status/status.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* interval of looking for results that the operator has put into the spool */
#define LOOK_AGAIN_MS       10000
#define CLAIM_FAILURES_TOLD 3     /* consecutive 5xx answers that indicate more than a restart */
#define STOP_LIMIT_MS       15000 /* of level STOP, for jobs to end and for deliveries */

enum level { WORK, DRAIN, STOP, LEAVE };

struct supervisor {
    struct options *options;
    struct ev *ev;
    struct children *children;
    struct http *http;
    struct auth *auth;
    struct backend *backend;
    struct spool *spool;
    struct delivery *delivery;
    struct jobs *jobs;
    struct claim *claim;
    struct admission *admission;
    struct cache_trimmer *cache_trimmer;
    struct service *service;
    struct status *status; /* NULL: none */
    struct jobs_observer observer;
    struct {
        struct condition disk;      /* the state directory cannot be used */
        struct condition claim;     /* claims fail */
        struct condition delivery;  /* deliveries fail */
        struct condition login;     /* logging in fails */
        struct condition admission; /* no task is claimed */
        /* the service manager cannot be reached, or will kill the runner */
        struct condition service;
    } conditions;
    int signal_fd;
    struct ev_source signals;
    struct ev_timer look_timer;
    struct ev_timer level_timer; /* the end of DRAIN or STOP */
    enum level level;
    bool left_at_once;       /* by a third signal */
    uint64_t claims;         /* number since the start */
    unsigned claim_failures; /* consecutive 5xx answers to claims */
    uint64_t delivered, refused;
};

static void proceed(void *data)
{
    struct supervisor *s = data;
    if (condition_text(&s->conditions.disk))
        cache_trimmer_kick(s->cache_trimmer); /* it may make room */
    jobs_proceed(s->jobs);
    delivery_kick(s->delivery);
    claim_kick(s->claim);
}

/* ---- claims ---- */

static bool is_last_task_taken(const struct supervisor *s)
{
    return s->options->max_tasks && s->claims >= (uint64_t)s->options->max_tasks;
}

static bool are_gates_open(struct supervisor *s)
{
    const char *reason = admission_reason(s->admission, spool_unsent(s->spool), jobs_running(s->jobs));
    if (reason) {
        CLEANUP(mem_freep) char *text = mem_printf("no task is claimed: %s", reason);
        condition_raise(&s->conditions.admission, LOG_LEVEL_WARNING, text);
        cache_trimmer_kick(s->cache_trimmer); /* it may make room */
    } else if (condition_clear(&s->conditions.admission)) {
        log_info("tasks are claimed again");
    }
    return !reason;
}

static bool may_ask(void *data)
{
    struct supervisor *s = data;
    return s->level == WORK && !is_last_task_taken(s) && jobs_have_room(s->jobs) && are_gates_open(s);
}

static void note_claims_work(struct supervisor *s)
{
    if (condition_clear(&s->conditions.claim))
        log_info("the backend answers claims again");
}

static bool on_body(const char *body, size_t len, void *data)
{
    struct supervisor *s = data;
    struct err err = {0};
    s->claim_failures = 0;
    enum jobs_intake intake = jobs_take(s->jobs, body, len, &err);
    static const enum metrics_claim counts[] = {[JOBS_TAKEN] = METRICS_CLAIM_TASK,
                                                [JOBS_AGAIN] = METRICS_CLAIM_TASK,
                                                [JOBS_NO_TASK] = METRICS_CLAIM_NONE,
                                                [JOBS_NONSENSE] = METRICS_CLAIM_NONSENSE};
    status_claim_answered(s->status, counts[intake]);
    if (intake == JOBS_NONSENSE)
        condition_raise(&s->conditions.claim, LOG_LEVEL_ERROR, err.message);
    else
        note_claims_work(s);
    s->claims += intake == JOBS_TAKEN || intake == JOBS_AGAIN;
    if (intake == JOBS_TAKEN)
        delivery_kick(s->delivery);
    return intake == JOBS_TAKEN;
}

static void on_no_task(void *data)
{
    struct supervisor *s = data;
    s->claim_failures = 0;
    status_claim_answered(s->status, METRICS_CLAIM_NONE);
    note_claims_work(s);
}

/* Logs that a backend which is up fails to hand out tasks, in the same words while it lasts. */
static char *explain_claim_failures(const struct backend_answer *answer)
{
    return mem_printf(
        "%s repeatedly: it fails to hand out tasks, see its own log. The OSTEST backend does so while its "
        "database is away, and while the first attempt in its queue belongs to a laboratory with a test "
        "whose isSwitchedOn is null",
        answer->message);
}

static void on_claim_trouble(const struct backend_answer *answer, void *data)
{
    struct supervisor *s = data;
    bool for_a_person = answer->outcome == BACKEND_FORBIDDEN;
    s->claim_failures = answer->status >= 500 ? s->claim_failures + 1 : 0;
    CLEANUP(mem_freep)
    char *failures = s->claim_failures >= CLAIM_FAILURES_TOLD ? explain_claim_failures(answer) : NULL;
    status_claim_answered(s->status, for_a_person     ? METRICS_CLAIM_REFUSED
                                     : answer->status ? METRICS_CLAIM_TROUBLE
                                                      : METRICS_CLAIM_UNREACHABLE);
    condition_raise(&s->conditions.claim, for_a_person || failures ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
                    failures ? failures : answer->message);
}

static void on_task_end(enum jobs_end end, void *data)
{
    struct supervisor *s = data;
    admission_task_ended(s->admission, end);
    cache_trimmer_kick(s->cache_trimmer);
    claim_hurry(s->claim);
}

static void on_slot_free(void *data)
{
    struct supervisor *s = data;
    proceed(s);
    claim_hurry(s->claim);
}

/* ---- login and deliveries ---- */

static void on_auth(enum auth_event event, const char *message, void *data)
{
    struct supervisor *s = data;
    static const enum log_level levels[] = {[AUTH_LOGGED_IN] = LOG_LEVEL_INFO,
                                            [AUTH_REFRESHED] = LOG_LEVEL_DEBUG,
                                            [AUTH_REFUSED] = LOG_LEVEL_ERROR,
                                            [AUTH_FAILED] = LOG_LEVEL_WARNING};
    if (event == AUTH_REFUSED || event == AUTH_FAILED)
        condition_raise(&s->conditions.login, levels[event], message);
    else if (event != AUTH_RETRY)
        log_write(levels[event], "%s", message);
    if (auth_is_shared(s->auth))
        delivery_expect_others(s->delivery);
    if (event == AUTH_LOGGED_IN || event == AUTH_REFRESHED)
        condition_clear(&s->conditions.login);
    proceed(s);
}

/*
 * The stored result is our own, whose answer was lost, or that of another runner with the same
 * attempt.
 */
static void log_stored(const struct delivery_note *note)
{
    bool differs = note->ours && note->theirs && note->ours != note->theirs;
    if (differs)
        log_fields(LOG_LEVEL_WARNING, task_key_id(note->key),
                   "not posted: the backend has another verdict already, perhaps of another runner",
                   LOG_TEXT("key", note->key), LOG_TEXT("stored", attempt_verdict_name(note->theirs)),
                   LOG_TEXT("ours", attempt_verdict_name(note->ours)));
    else
        log_fields(LOG_LEVEL_INFO, task_key_id(note->key), "already stored, not posted again",
                   LOG_TEXT("key", note->key));
}

static void on_delivery(const struct delivery_note *note, void *data)
{
    struct supervisor *s = data;
    const char *key = note->key, *task = task_key_id(key), *message = note->message;
    status_delivered(s->status, note->http_status);
    switch (note->event) {
    case DELIVERY_STORED:
    case DELIVERY_DONE:
        s->delivered++;
        if (note->event == DELIVERY_STORED)
            log_stored(note);
        else
            log_fields(LOG_LEVEL_INFO, task, "delivered", LOG_TEXT("key", key),
                       LOG_NUMBER("waiting", spool_len(s->spool)));
        condition_clear(&s->conditions.delivery);
        status_arrived(s->status, note->waited_ms);
        break;
    case DELIVERY_REJECTED:
        s->refused++;
        log_fields(LOG_LEVEL_ERROR, task, "refused, kept in rejected/ with the answer", LOG_TEXT("key", key),
                   LOG_NUMBER("status", note->http_status), LOG_TEXT("answer", message));
        break;
    case DELIVERY_DELAYED:
        condition_raise_fields(&s->conditions.delivery, LOG_LEVEL_WARNING, task, message,
                               LOG_TEXT("key", key));
        break;
    case DELIVERY_SHRUNK:
        log_fields(LOG_LEVEL_WARNING, task, message, LOG_TEXT("key", key));
        break;
    case DELIVERY_BROKEN:
        log_fields(LOG_LEVEL_ERROR, task, message, LOG_TEXT("key", key));
        break;
    }
    claim_kick(s->claim); /* there may have been too many results */
}

static void look_again(void *data)
{
    struct supervisor *s = data;
    size_t count = spool_look_again(s->spool);
    if (count)
        log_info("found in the spool: %zu results to deliver", count);
    proceed(s); /* some may have been removed */
    ev_timer_at(s->ev, &s->look_timer, clock_now_ms() + LOOK_AGAIN_MS, look_again, s);
}

/* ---- stopping ---- */

static void set_level(struct supervisor *s, enum level level);

static void on_level_timer(void *data)
{
    struct supervisor *s = data;
    log_warning("stop timed out; escalating");
    set_level(s, s->level + 1);
}

static void set_level(struct supervisor *s, enum level level)
{
    s->level = MIN(level, LEAVE);
    jobs_expect_stop(s->jobs);
    cache_trimmer_stop(s->cache_trimmer);
    service_stopping(s->service);
    if (level == DRAIN)
        log_info(
            "stopping: finishing %zu running tasks and delivering %zu results; a second signal stops the "
            "tasks",
            jobs_running(s->jobs), spool_unsent(s->spool));
    if (level == STOP) {
        log_warning("stopping %zu running tasks; the next start runs them again", jobs_running(s->jobs));
        jobs_stop(s->jobs);
    }
    int64_t limit_ms = level == DRAIN ? s->options->drain_timeout_ms : STOP_LIMIT_MS;
    if (limit_ms)
        ev_timer_at(s->ev, &s->level_timer, clock_now_ms() + limit_ms, on_level_timer, s);
}

/* A claim in flight at the time of the stop is still executed; other claims stay on disk. */
static void drain_when_asked(struct supervisor *s)
{
    if (s->level == DRAIN && !claim_is_busy(s->claim))
        jobs_drain(s->jobs);
}

static bool is_finished(const struct supervisor *s)
{
    bool stopping = s->level >= DRAIN || is_last_task_taken(s);
    bool all_done = !claim_is_busy(s->claim) && jobs_are_idle(s->jobs) && !spool_unsent(s->spool) &&
                    !cache_trimmer_is_busy(s->cache_trimmer);
    return s->level == LEAVE || (stopping && all_done);
}

/* ---- signals ---- */

static void take_stop_signal(struct supervisor *s)
{
    set_level(s, s->level + 1);
    s->left_at_once = s->level == LEAVE;
}

static struct admission_settings admission_settings(const struct options *o)
{
    return (struct admission_settings){o->state_dir, o->min_free_bytes, (size_t)o->max_unsent,
                                       (unsigned)o->pause_after, o->pause_ms};
}

static void take_options(struct supervisor *s)
{
    struct err err = {0};
    struct admission_settings admission = admission_settings(s->options);
    log_set_level((enum log_level)s->options->logger_level);
    admission_set(s->admission, &admission);
    claim_set_interval(s->claim, s->options->check_interval_ms);
    if (jobs_take_options(s->jobs, &err) < 0)
        log_error("cannot change the options of jobs: %s", err.message);
    proceed(s);
}

static void reload(struct supervisor *s)
{
    struct err err = {0};
    service_reloading(s->service);
    if (log_reopen(&err) < 0)
        log_error("%s", err.message);
    if (reload_options(s->options))
        take_options(s);
    service_reloaded(s->service);
}

static void on_signal(short events, void *data)
{
    struct supervisor *s = data;
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            children_reap(s->children);
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            take_stop_signal(s);
        else if (info.ssi_signo == SIGHUP)
            reload(s);
    }
}

static int open_signals(struct supervisor *s, struct err *err)
{
    int r = proc_open_signals(SIGCHLD, &s->signal_fd, err);
    if (r == 0)
        ev_add_fd(s->ev, &s->signals, s->signal_fd, on_signal, s);
    return r;
}

/* ---- service manager ---- */

static void on_status(char *ret_text, size_t size, void *data)
{
    const struct supervisor *s = data;
    const struct condition *const conditions[] = {&s->conditions.admission, &s->conditions.login,
                                                  &s->conditions.claim};
    const char *reason = s->level > WORK ? "stopping" : NULL;
    for (size_t i = 0; !reason && i < ARRAY_LEN(conditions); i++)
        reason = condition_text(conditions[i]);
    snprintf(ret_text, size,
             "%zu of %lld slots busy; %" PRIu64 " results delivered, %" PRIu64 " refused, %zu waiting%s%s",
             jobs_running(s->jobs), (long long)s->options->concurrent, s->delivered, s->refused,
             spool_len(s->spool), reason ? "; " : "", reason ? reason : "");
}

/*
 * proceed() recovers a lost wake-up. Any problem left after that is permanent, since libcurl limits
 * the time of each request and the end of a job frees its slot.
 */
static bool is_well(void *data)
{
    struct supervisor *s = data;
    children_reap(s->children);
    proceed(s);
    const char *fault = http_is_overdue(s->http)         ? "a request to the backend does not end"
                        : children_are_lost(s->children) ? "a job has ended unseen"
                                                         : NULL;
    CLEANUP(mem_freep) char *text = mem_printf("%s: the watchdog will end the runner", fault ? fault : "");
    if (fault)
        condition_raise(&s->conditions.service, LOG_LEVEL_CRITICAL, text);
    return !fault;
}

static void on_service_trouble(const char *message, void *data)
{
    struct supervisor *s = data;
    condition_raise(&s->conditions.service, LOG_LEVEL_WARNING, message);
}

/* ---- status page ---- */

/* Returns why the last claim failed. Claims are still tried, since that is how the failure ends. */
static const char *why_in_vain(const struct supervisor *s)
{
    const char *login = condition_text(&s->conditions.login);
    return login && auth_is_missing(s->auth) ? login : condition_text(&s->conditions.claim);
}

/* Reason shown by /readyz. Busy slots do not count. */
static const char *why_closed(struct supervisor *s)
{
    if (s->level != WORK || !s->jobs) /* a failing start still answers requests */
        return "the runner is stopping";
    if (is_last_task_taken(s))
        return "the last task is taken (--max-tasks)";
    const char *reason = condition_text(&s->conditions.disk);
    if (!reason)
        reason = jobs_obstacle(s->jobs);
    if (!reason)
        reason = admission_reason(s->admission, spool_unsent(s->spool), jobs_running(s->jobs));
    return reason ? reason : why_in_vain(s);
}

static void look(struct snapshot_view *ret_view, void *data)
{
    struct supervisor *s = data;
    *ret_view = (struct snapshot_view){.closed = why_closed(s),
                                       .is_stopping = s->level != WORK,
                                       .claim_condition = condition_text(&s->conditions.claim),
                                       .delivery_condition = condition_text(&s->conditions.delivery),
                                       .login_condition = condition_text(&s->conditions.login),
                                       .disk_condition = condition_text(&s->conditions.disk)};
}

/* ---- start ---- */

static executor_open_fn *const executors[] = {
    [OPTIONS_EXECUTOR_LOCAL] = executor_local_open, [OPTIONS_EXECUTOR_SLURM] = executor_slurm_open};

static int open_all(struct supervisor *s, const char *job_program, struct err *err)
{
    const struct options *o = s->options;
    s->ev = ev_new();
    s->children = children_new();
    int r = open_signals(s, err);
    if (r == 0)
        r = proc_become_subreaper(err);
    if (r == 0)
        r = http_new(o->name, o->ca_file, &s->http, err);
    if (r == 0)
        r = spool_open(o->state_dir, &s->spool, err);
    struct admission_settings admission = admission_settings(o);
    s->admission = admission_new(s->ev, &admission, proceed, s);
    struct status_settings status = {.options = o, .ev = s->ev, .spool = s->spool, .look = look, .data = s};
    s->status = r < 0 ? NULL : status_new(&status);
    s->observer = status_observer(s->status);
    struct jobs_settings settings = {.options = o,
                                     .job_program = job_program,
                                     .ev = s->ev,
                                     .children = s->children,
                                     .spool = s->spool,
                                     .disk = &s->conditions.disk,
                                     .open_executor = executors[o->executor],
                                     .observer = s->status ? &s->observer : NULL,
                                     .on_end = on_task_end,
                                     .on_slot_free = on_slot_free,
                                     .on_change = proceed,
                                     .data = s};
    return r < 0 ? r : jobs_open(&settings, &s->jobs, err);
}

static void connect_all(struct supervisor *s)
{
    const struct options *o = s->options;
    struct claim_calls calls = {
        .may_ask = may_ask, .on_body = on_body, .on_none = on_no_task, .on_trouble = on_claim_trouble};
    struct service_calls service_calls = {
        .status = on_status, .is_well = is_well, .on_trouble = on_service_trouble};
    s->cache_trimmer = cache_trimmer_new(s->ev, s->children, jobs_program(s->jobs));
    s->auth = auth_new(o, s->ev, s->http, on_auth, s);
    s->backend = backend_new(o, s->http, s->auth);
    s->delivery = delivery_new(s->ev, s->spool, s->backend, on_delivery, s);
    s->claim = claim_new(s->ev, s->backend, o->check_interval_ms, &calls, s);
    s->service = service_new(s->ev, &service_calls, s);
}

static void supervisor_done(struct supervisor *s)
{
    http_free(s->http);
    service_free(s->service);
    status_free(s->status);
    claim_free(s->claim);
    cache_trimmer_free(s->cache_trimmer);
    jobs_free(s->jobs);
    delivery_free(s->delivery);
    backend_free(s->backend);
    auth_free(s->auth);
    spool_free(s->spool);
    admission_free(s->admission);
    children_free(s->children);
    ev_free(s->ev);
    fd_close(s->signal_fd);
}

static int loop(struct supervisor *s, struct err *err)
{
    proceed(s);
    look_again(s);
    cache_trimmer_kick(s->cache_trimmer);
    while (!is_finished(s)) {
        size_t len;
        const struct pollfd *fds = ev_fds(s->ev, &len);
        int r = http_wait(s->http, fds, len, clock_poll_timeout_ms(ev_next_deadline_ms(s->ev)), err);
        if (r < 0)
            return r;
        ev_dispatch(s->ev);
        drain_when_asked(s);
        service_changed(s->service);
    }
    service_stopping(s->service);
    return 0;
}

int supervisor_run(struct options *options, const char *job_program, struct err *err)
{
    CLEANUP(supervisor_done) struct supervisor s = {.options = options, .signal_fd = -1};
    int r = open_all(&s, job_program, err);
    if (r < 0)
        return r;
    connect_all(&s);
    r = loop(&s, err);
    if (r < 0)
        return r;
    if (spool_len(s.spool) || jobs_running(s.jobs))
        log_warning("left on disk for the next start: %zu results, %zu running tasks", spool_len(s.spool),
                    jobs_running(s.jobs));
    if (claim_is_busy(s.claim))
        log_warning("a claim was in flight: if the backend has answered it with a task, that task is lost");
    return s.left_at_once;
}
