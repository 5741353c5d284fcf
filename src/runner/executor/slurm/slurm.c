#include "runner/executor/slurm/slurm.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "model/job_exit.h"
#include "runner/executor/slurm/attempt.h"
#include "runner/executor/slurm/attempt_state.h"
#include "runner/executor/slurm/cluster.h"
#include "runner/executor/slurm/commands.h"
#include "runner/executor/slurm/orphans.h"
#include "runner/executor/slurm/poll.h"
#include "runner/executor/slurm/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define TICK_MS          200
#define LOOKS_A_TICK     100 /* each costs a request to the server of the shared file system */
#define TOOL_TIMEOUT_MS  60000
#define MAX_SUBMITS      4 /* at the same time */
#define MAX_BACKOFF_MS   60000
#define TEXT_LIMIT_BYTES 4096
#define LOG_CHUNK_BYTES  16384
#define LOG_LIMIT_BYTES  (16U << 20) /* of an attempt, including progress lines */

struct attempt {
    struct executor_slurm *x;
    struct slot *slot; /* NULL: no attempt in this slot */
    struct slurm_attempt files;
    char *name;
    struct slurm_attempt_state life;
    struct tool *submit;
    uint64_t log_bytes; /* of its log, read so far */
};

struct executor_slurm {
    struct executor base;
    struct slurm_cluster *cluster;
    struct attempt *tries; /* indexed like the slots */
    size_t len;
    size_t next_look; /* modulo their number: the attempt to look at next */
    struct ev_timer timer;
    struct slurm_poll poll;
    uint64_t wanted_poll;        /* for copies of an attempt that has ended */
    struct condition submission; /* sbatch fails */
    struct condition held;       /* jobs wait for an operator to release them */
    struct backoff backoff;
    int64_t submit_at_ms;
    struct slurm_orphans strangers;
};

static struct executor_slurm *of(const struct executor *x)
{
    return (struct executor_slurm *)x; /* the first member */
}

static struct attempt *try_of(const struct executor *x, const struct slot *slot)
{
    return &of(x)->tries[slot->number];
}

static void set_timer(struct executor_slurm *x);
static void submit_waiting(struct executor_slurm *x);

/* ---- end of an attempt ---- */

static void try_done(struct attempt *t)
{
    tool_free(t->submit);
    slurm_attempt_done(&t->files);
    free(t->name);
    *t = (struct attempt){.x = t->x};
}

static void end_try(struct attempt *t, int exit_status, const char *how, bool goes_on)
{
    struct executor_slurm *x = t->x;
    struct slot *slot = t->slot;
    CLEANUP(mem_freep) char *words = mem_strdup(how);
    struct executor_end end = {.status = W_EXITCODE(exit_status, 0), .how = words, .goes_on = goes_on};
    if (!goes_on)
        slurm_attempt_close(&t->files, words);
    try_done(t);
    x->wanted_poll = x->poll.count + 1;
    x->base.settings.on_end(slot, &end, x->base.settings.data);
}

/* Reads what the job has logged since the last call. */
static void read_log(struct attempt *t, unsigned chunks)
{
    char chunk[LOG_CHUNK_BYTES];
    for (size_t n = sizeof(chunk); n == sizeof(chunk) && chunks && t->log_bytes < LOG_LIMIT_BYTES; chunks--) {
        n = slurm_attempt_read_log(&t->files, t->log_bytes, chunk, sizeof(chunk));
        slot_feed(t->slot, chunk, n);
        t->log_bytes += n;
    }
}

static void read_rest_of_log(struct attempt *t)
{
    read_log(t, LOG_LIMIT_BYTES / LOG_CHUNK_BYTES);
    slot_ended(t->slot);
}

static void fail(struct attempt *t, int exit_status)
{
    read_rest_of_log(t);
    const char *last = t->slot->complaint;
    CLEANUP(mem_freep)
    char *how =
        mem_printf("%s%s%s", t->life.how, last ? "; the job's last complaint: " : "", last ? last : "");
    end_try(t, exit_status, how, false);
}

/* The attempt's own file says that it has ended. Returns false if its result is not visible yet. */
static bool take_end(struct attempt *t, const struct lease_end *end)
{
    struct err err = {0};
    bool is_stop = end->status == JOB_EXIT_STOPPED && !end->has_result;
    if (is_stop && (t->life.phase != LIFE_GONE || t->life.is_ending))
        return false; /* Slurm will report the reason */
    if (end->has_result && slurm_attempt_take_result(&t->files, end, &err) < 0) {
        snprintf(t->life.how, sizeof(t->life.how), "%s", err.message);
        return false;
    }
    if (end->has_result || end->status == JOB_EXIT_DISK) {
        log_task(LOG_LEVEL_DEBUG, t->slot->label, "ran on %s", end->host);
        read_rest_of_log(t);
        end_try(t, (int)end->status, NULL, false);
        return true;
    }
    if (!is_stop)
        snprintf(t->life.how, sizeof(t->life.how), "the job ended on %s with exit status %u", end->host,
                 end->status);
    fail(t, (int)end->status);
    return true;
}

/* ---- submission ---- */

static void on_submitted(int status, const char *output, void *data)
{
    struct attempt *t = data;
    struct executor_slurm *x = t->x;
    char id[32];
    t->life.from_poll = x->poll.count + 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && slurm_parse_id(output, id, sizeof(id))) {
        log_fields(LOG_LEVEL_INFO, t->slot->label, "submitted", LOG_TEXT("job", id),
                   LOG_TEXT("lease", t->files.lease));
        t->life.phase = LIFE_QUEUED;
        backoff_reset(&x->backoff);
        if (condition_clear(&x->submission)) {
            log_info("Slurm accepts jobs again");
            x->base.settings.on_change(x->base.settings.data);
        }
    } else {
        CLEANUP(mem_freep) char *text = slurm_cluster_complaint("sbatch", status, output);
        condition_raise(&x->submission, LOG_LEVEL_ERROR, text);
        t->life.phase = LIFE_UNSURE; /* it may have been accepted nevertheless */
        x->submit_at_ms = clock_now_ms() + backoff_next_ms(&x->backoff, TICK_MS);
    }
    failpoint("cluster-submitted");
    submit_waiting(x);
    set_timer(x);
}

static void submit(struct attempt *t)
{
    struct executor_slurm *x = t->x;
    struct err err = {0};
    CLEANUP(strv_done) struct strv argv = {0};
    size_t number = (size_t)(t - x->tries);
    slurm_cluster_command(x->cluster, t->name, t->files.dir, t->files.lease, number, &argv);
    struct tool_wants wants = {.argv = &argv,
                               .limit_bytes = TEXT_LIMIT_BYTES,
                               .timeout_ms = TOOL_TIMEOUT_MS,
                               .on_end = on_submitted,
                               .data = t};
    const struct executor_settings *settings = &x->base.settings;
    if (tool_start(settings->ev, settings->children, &wants, &t->submit, &err) < 0) {
        condition_raise(&x->submission, LOG_LEVEL_ERROR, err.message);
        x->submit_at_ms = clock_now_ms() + backoff_next_ms(&x->backoff, TICK_MS);
        return;
    }
    t->life.phase = LIFE_SUBMITTING;
    failpoint("cluster-submitting");
}

static void submit_waiting(struct executor_slurm *x)
{
    size_t running = 0;
    for (size_t i = 0; i < x->len; i++)
        running += x->tries[i].submit != NULL;
    for (size_t i = 0; i < x->len && running < MAX_SUBMITS && clock_now_ms() >= x->submit_at_ms; i++) {
        if (!x->tries[i].slot || x->tries[i].life.phase != LIFE_WAITING)
            continue;
        submit(&x->tries[i]);
        running++;
    }
}

/* ---- answers of Slurm ---- */

static struct attempt *find_try(const struct executor_slurm *x, const char *name)
{
    for (size_t i = 0; i < x->len; i++)
        if (x->tries[i].slot && strcmp(x->tries[i].name, name) == 0)
            return &x->tries[i];
    return NULL;
}

static void take_line(struct executor_slurm *x, char *line, unsigned *held)
{
    struct slurm_job job;
    if (!slurm_parse_line(line, &job))
        return;
    struct attempt *t = find_try(x, job.name);
    if (t)
        slurm_attempt_state_take_job(&t->life, &job);
    else if (job.state < SLURM_ENDING && slurm_cluster_is_orphan(x->cluster, job.name))
        slurm_orphans_add(&x->strangers, job.name);
    *held += t && job.state == SLURM_HELD;
}

/* Of type slurm_poll.on_answer. */
static void take_listing(const char *output, void *data)
{
    struct executor_slurm *x = data;
    CLEANUP(strv_done) struct strv lines = {0};
    unsigned held = 0;
    strv_split(&lines, output, "\n");
    for (size_t i = 0; i < x->len; i++)
        slurm_attempt_state_begin_answer(&x->tries[i].life);
    for (size_t i = 0; i < lines.len; i++)
        take_line(x, lines.items[i], &held);
    if (held)
        condition_raise(&x->held, LOG_LEVEL_WARNING,
                        "Jobs are held in Slurm's queue: scontrol release, or scancel");
    else
        condition_clear(&x->held);
    for (size_t i = 0; i < x->len; i++)
        if (x->tries[i].slot)
            slurm_attempt_state_end_answer(&x->tries[i].life, x->poll.count, &x->tries[i].files);
    slurm_orphans_cancel(&x->strangers);
}

/*
 * Of type slurm_poll.on_end. An answer may remove an obstacle or settle an UNSURE attempt.
 */
static void on_polled(void *data)
{
    struct executor_slurm *x = data;
    const struct executor_settings *settings = &x->base.settings;
    set_timer(x);
    if (x->poll.has_answer)
        settings->on_change(settings->data);
}

static bool has_try_past(const struct executor_slurm *x, enum slurm_attempt_state_phase phase)
{
    for (size_t i = 0; i < x->len; i++)
        if (x->tries[i].slot && x->tries[i].life.phase >= phase)
            return true;
    return false;
}

static bool wants_listing(const struct executor_slurm *x)
{
    return !x->poll.has_answer || x->poll.count < x->wanted_poll || slurm_orphans_are_there(&x->strangers) ||
           has_try_past(x, LIFE_UNSURE);
}

/* ---- timer, every TICK_MS ---- */

static void give_up_or_submit_again(struct attempt *t, bool has_begun)
{
    if (slurm_attempt_state_begin_again(&t->life, has_begun))
        log_task(LOG_LEVEL_WARNING, t->slot->label, "%s before it began: it is submitted again", t->life.how);
    else
        fail(t, JOB_EXIT_FAILED);
}

static void look_after(struct attempt *t)
{
    const struct options *o = t->x->base.settings.options;
    struct slurm_attempt_sight sight;
    slurm_attempt_look(&t->files, &sight);
    if (sight.has_begun) {
        slurm_attempt_state_begun(&t->life, t->x->poll.count);
        read_log(t, 1);
    }
    if (sight.has_ended && take_end(t, &sight.end))
        return;
    if (slurm_attempt_state_is_over(&t->life, o->slurm_grace_ms))
        give_up_or_submit_again(t, sight.has_begun);
}

static void on_timer(void *data)
{
    struct executor_slurm *x = data;
    for (size_t looks = 0; looks < MIN(x->len, (size_t)LOOKS_A_TICK); looks++) {
        struct attempt *t = &x->tries[x->next_look++ % x->len];
        if (t->slot && t->life.phase != LIFE_WAITING)
            look_after(t);
    }
    submit_waiting(x);
    if (wants_listing(x))
        slurm_poll_ask(&x->poll);
    set_timer(x);
}

static void set_timer(struct executor_slurm *x)
{
    if (!x->timer.armed && (has_try_past(x, LIFE_WAITING) || wants_listing(x)))
        ev_timer_at(x->base.settings.ev, &x->timer, clock_now_ms() + TICK_MS, on_timer, x);
}

/* ---- interface ---- */

static bool goes_on(const struct executor *x, const char *key)
{
    CLEANUP(slurm_attempt_done) struct slurm_attempt files = {0};
    CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", x->settings.program->jobs_dir, key);
    return slurm_attempt_find(dir, &files, NULL) != -ENOENT;
}

static int start(struct executor *base, struct slot *slot, const struct slot_job *job, struct err *err)
{
    struct executor_slurm *x = of(base);
    CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", base->settings.program->jobs_dir, job->key);
    struct attempt *t = try_of(base, slot);
    int r = slurm_attempt_find(dir, &t->files, err);
    t->life.phase = r == 0 ? LIFE_UNSURE : LIFE_WAITING;
    if (r == -ENOENT)
        r = slurm_attempt_new(dir, &t->files, err);
    if (r < 0)
        return r;
    slot_take(slot, job);
    t->slot = slot;
    t->name = slurm_cluster_job_name(x->cluster, job->key, t->files.lease);
    t->life.from_poll = x->poll.count + 1;
    if (t->life.phase == LIFE_UNSURE)
        log_fields(LOG_LEVEL_INFO, job->label, "may be in the cluster from an earlier run",
                   LOG_TEXT("lease", t->files.lease));
    ev_timer_at(base->settings.ev, &x->timer, clock_now_ms(), on_timer, x);
    return 0;
}

static void cancel(struct executor *base, struct slot *slot)
{
    end_try(try_of(base, slot), JOB_EXIT_STOPPED, NULL, true);
}

static const char *obstacle(const struct executor *base)
{
    const struct executor_slurm *x = of(base);
    const char *fault = condition_text(&x->submission);
    for (size_t i = 0; i < x->len && fault; i++)
        if (x->tries[i].slot && x->tries[i].life.phase <= LIFE_UNSURE)
            return fault;
    return slurm_poll_obstacle(&x->poll);
}

static void free_it(struct executor *base)
{
    struct executor_slurm *x = of(base);
    for (size_t i = 0; i < x->len; i++)
        try_done(&x->tries[i]);
    slurm_poll_done(&x->poll);
    ev_timer_stop(base->settings.ev, &x->timer);
    slurm_orphans_done(&x->strangers);
    slurm_cluster_free(x->cluster);
    free(x->tries);
    free(x);
}

int executor_slurm_open(const struct executor_settings *settings, struct executor **ret_executor,
                        struct err *err)
{
    static const struct executor_kind kind = {
        .goes_on = goes_on, .start = start, .cancel = cancel, .obstacle = obstacle, .free = free_it};
    const struct options *o = settings->options;
    struct slurm_cluster *cluster;
    int r = slurm_cluster_open(o, settings->program, o->state_dir, &cluster, err);
    if (r < 0)
        return r;
    struct executor_slurm *x = mem_alloc(sizeof(*x));
    *x = (struct executor_slurm){.base = {&kind, *settings}, .cluster = cluster};
    x->len = settings->slots->len;
    x->tries = mem_alloc(x->len * sizeof(*x->tries));
    for (size_t i = 0; i < x->len; i++)
        x->tries[i].x = x;
    x->strangers = (struct slurm_orphans){.ev = settings->ev, .children = settings->children};
    x->backoff = (struct backoff){.base_ms = 1000, .max_ms = MAX_BACKOFF_MS, .random = backoff_seed()};
    x->poll = (struct slurm_poll){.ev = settings->ev,
                                  .children = settings->children,
                                  .interval_ms = o->slurm_poll_ms,
                                  .on_answer = take_listing,
                                  .on_end = on_polled,
                                  .data = x};
    set_timer(x);
    *ret_executor = &x->base;
    return 0;
}
