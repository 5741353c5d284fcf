/*
 * Each claim is in exactly one place on disk: jobs/<key>/task.json until its result is in
 * spool/<key>.json. Work that waits for a slot is in the worklist; it returns there for a while if
 * the disk fails.
 */

#include "runner/queue/jobs.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "model/job_exit.h"
#include "model/state_files.h"
#include "model/task.h"
#include "runner/executor/executor.h"
#include "runner/queue/journal.h"
#include "runner/queue/label.h"
#include "runner/queue/worklist.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_RETRY_MS      2000 /* after an error of the state directory */
#define ORPHANS_TIMEOUT_MS 2000

struct jobs {
    struct jobs_settings settings;
    char *cache_dir, *jobs_dir, *job_config;
    struct slot_program program;
    struct journal *journal;
    struct slots slots;
    struct executor *executor;
    struct worklist work;
    struct buf unsaved; /* a claim that could not be written; no other is made meanwhile */
    bool draining;      /* no more claims are started */
    bool stop_expected; /* a job that others stop has not failed */
    int64_t disk_not_before_ms;
    struct ev_timer disk_timer;
};

/* ---- disk ---- */

static void on_change(void *data)
{
    struct jobs *jobs = data;
    jobs->settings.on_change(jobs->settings.data);
}

static bool disk_is_well(const struct jobs *jobs)
{
    return clock_now_ms() >= jobs->disk_not_before_ms;
}

/* The state directory fails: nothing is lost, but work stops until it can be used again. */
static void wait_for_disk(struct jobs *jobs, const char *message)
{
    CLEANUP(mem_freep) char *text = mem_printf("cannot use the state directory: %s", message);
    condition_raise(jobs->settings.disk, LOG_LEVEL_CRITICAL, text);
    jobs->disk_not_before_ms = clock_now_ms() + DISK_RETRY_MS;
    ev_timer_at(jobs->settings.ev, &jobs->disk_timer, jobs->disk_not_before_ms, on_change, jobs);
}

static void put_back(struct jobs *jobs, const struct worklist_item *item, const char *message)
{
    worklist_add(&jobs->work, item->work, item->key, item->label);
    wait_for_disk(jobs, message);
}

/* ---- end of a claim ---- */

/* Keeps the logs of a finished claim and removes the rest. */
static void put_away(struct jobs *jobs, const struct worklist_item *item, bool is_fault)
{
    struct err err = {0};
    int r =
        journal_put_away(jobs->journal, item->key, is_fault, (size_t)jobs->settings.options->keep_jobs, &err);
    if (r == -ENOTEMPTY && item->work != SLOT_CLEAN)
        worklist_add(&jobs->work, SLOT_CLEAN, item->key, item->label);
    else if (r < 0)
        log_task(LOG_LEVEL_WARNING, item->label, "%s", err.message);
}

/* Moves the result to the spool. `took_ms`: duration of its job; 0: unknown. */
static void finish(struct jobs *jobs, const struct worklist_item *item, bool is_fault, int64_t took_ms)
{
    struct err err = {0};
    if (journal_hand_over(jobs->journal, item->key, &err) < 0) {
        put_back(jobs, item, err.message);
        return;
    }
    condition_clear(jobs->settings.disk);
    spool_add(jobs->settings.spool, item->key, took_ms);
    if (jobs->settings.observer)
        jobs->settings.observer->on_result(item->key, is_fault, jobs->settings.observer->data);
    put_away(jobs, item, is_fault);
}

static void finish_with_error(struct jobs *jobs, const struct worklist_item *item, const char *details)
{
    struct err err = {0};
    log_task(LOG_LEVEL_ERROR, item->label, "%s", details);
    if (journal_write_error(jobs->journal, item->key, details, &err) < 0)
        put_back(jobs, item, err.message);
    else
        finish(jobs, item, true, 0);
}

/* ---- slots ---- */

/* The last start does not count: its end was not the fault of the task. */
static void uncount_start(struct jobs *jobs, const struct worklist_item *item)
{
    struct err err = {0};
    if (journal_uncount_start(jobs->journal, item->key, &err) < 0)
        log_task(LOG_LEVEL_WARNING, item->label, "%s", err.message);
}

/* Counts a start. Returns false if the claim must not be started now, or not any more. */
static bool count_start(struct jobs *jobs, const struct worklist_item *item)
{
    struct err err = {0};
    unsigned starts = journal_starts(jobs->journal, item->key);
    if (starts >= jobs->settings.options->task_tries) {
        CLEANUP(mem_freep) char *details = journal_tell_starts(jobs->journal, item->key, starts);
        finish_with_error(jobs, item, details);
        jobs->settings.on_end(JOBS_FAULT, jobs->settings.data);
        return false;
    }
    if (!journal_has_room(jobs->journal)) {
        put_back(jobs, item, "it cannot be written to: the disk is full, read-only, or missing");
        return false;
    }
    int r = journal_count_start(jobs->journal, item->key, &starts, &err);
    if (r == -ENOENT) /* although jobs/ exists */
        log_task(LOG_LEVEL_ERROR, item->label, "gets no result: jobs/%s was removed", item->key);
    else if (r < 0)
        put_back(jobs, item, err.message);
    return r == 0;
}

static int start_in(struct jobs *jobs, struct slot *slot, const struct worklist_item *item, struct err *err)
{
    struct slot_job job = {.work = item->work, .key = item->key, .label = item->label};
    return item->work == SLOT_RUN ? jobs->executor->kind->start(jobs->executor, slot, &job, err)
                                  : slot_start(slot, &job, err);
}

static void tell_start(const struct jobs *jobs, const struct slot *slot, const struct worklist_item *item)
{
    const struct jobs_observer *o = jobs->settings.observer;
    if (o)
        o->on_start(slot->number, item->key, item->label, item->work == SLOT_RUN, o->data);
}

/* Of type slot_progress_fn. */
static void on_progress(size_t number, const struct progress *progress, void *data)
{
    struct jobs *jobs = data;
    jobs->settings.observer->on_progress(number, progress, jobs->settings.observer->data);
}

static void start_item(struct jobs *jobs, const struct worklist_item *item)
{
    struct err err = {0};
    if (item->work == SLOT_RUN && journal_has_result(jobs->journal, item->key)) {
        finish(jobs, item, false, 0);
        return;
    }
    bool is_new = item->work == SLOT_RUN && !jobs->executor->kind->goes_on(jobs->executor, item->key);
    if (is_new && !count_start(jobs, item))
        return;
    struct slot *slot = slots_find_free(&jobs->slots);
    int r = start_in(jobs, slot, item, &err);
    if (r < 0 && is_new)
        uncount_start(jobs, item);
    if (r < 0) {
        put_back(jobs, item, err.message);
    } else {
        condition_clear(jobs->settings.disk);
        tell_start(jobs, slot, item);
    }
    failpoint("job-started");
}

/* The start counts if there is room again: the task itself may have filled the disk. */
static void wait_for_room(struct jobs *jobs, const struct worklist_item *item)
{
    if (!journal_has_room(jobs->journal))
        uncount_start(jobs, item);
    put_back(jobs, item, "a job could not write to it: the disk is full or read-only");
}

static void judge_run_end(struct jobs *jobs, const struct slot *slot, const struct worklist_item *item,
                          const struct executor_end *end)
{
    int code = WIFEXITED(end->status) ? WEXITSTATUS(end->status) : -1;
    if (journal_has_result(jobs->journal, slot->key)) {
        int64_t took_ms = clock_now_ms() - slot->start_ms;
        log_fields(LOG_LEVEL_INFO, slot->label, "done", LOG_NUMBER("seconds", (double)took_ms / 1000));
        finish(jobs, item, code == JOB_EXIT_MACHINE, took_ms);
        jobs->settings.on_end(code == JOB_EXIT_MACHINE ? JOBS_FAULT
                              : code == JOB_EXIT_TASK  ? JOBS_OTHER
                                                       : JOBS_JUDGED,
                              jobs->settings.data);
    } else if (end->goes_on) {
        log_task(LOG_LEVEL_INFO, slot->label, "continues; the next start takes it over");
    } else if (code == JOB_EXIT_DISK) {
        wait_for_room(jobs, item);
    } else if (jobs->stop_expected && code == JOB_EXIT_STOPPED && !end->how) {
        log_task(LOG_LEVEL_WARNING, slot->label, "stopped; the next start runs it again");
        uncount_start(jobs, item);
    } else {
        CLEANUP(mem_freep) char *died = proc_describe_status(end->status);
        log_task(LOG_LEVEL_ERROR, slot->label, "the job died (%s) without a result",
                 end->how ? end->how : died);
        worklist_add(&jobs->work, SLOT_RUN, slot->key, slot->label);
    }
}

static void take_end(struct jobs *jobs, struct slot *slot, const struct executor_end *end)
{
    struct worklist_item item = {.work = slot->work, .key = slot->key, .label = slot->label};
    if (jobs->settings.observer)
        jobs->settings.observer->on_end(slot->number, jobs->settings.observer->data);
    slot->work = SLOT_FREE;
    if (item.work == SLOT_RUN)
        judge_run_end(jobs, slot, &item, end);
    else
        put_away(jobs, &item, true); /* a job that leaves trees behind has died */
    slot_release(slot);
}

/* Of type slot_end_fn. The processes of a killed job have become our children. */
static void on_slot_end(struct slot *slot, int status, void *data)
{
    struct jobs *jobs = data;
    struct executor_end end = {.status = status};
    struct err err = {0};
    failpoint("job-reaped");
    if (!WIFEXITED(status) && children_kill_others(jobs->settings.children, ORPHANS_TIMEOUT_MS, &err) < 0)
        log_error("%s", err.message);
    take_end(jobs, slot, &end);
    jobs->settings.on_slot_free(jobs->settings.data);
}

/* Of type executor_settings.on_end. */
static void on_executor_end(struct slot *slot, const struct executor_end *end, void *data)
{
    struct jobs *jobs = data;
    take_end(jobs, slot, end);
    jobs->settings.on_change(jobs->settings.data);
}

/* ---- new claims ---- */

/* Returns true if a running claim has the same answer, byte for byte. */
static bool is_in_work(const struct jobs *jobs, const struct task *task, const char *body, size_t len)
{
    CLEANUP(mem_freep) char *label = label_of(task);
    for (size_t i = 0; i < jobs->slots.len; i++) {
        const struct slot *slot = &jobs->slots.items[i];
        if (slot->work == SLOT_RUN && strcmp(slot->label, label) == 0 &&
            journal_holds(jobs->journal, slot->key, body, len)) {
            log_task(LOG_LEVEL_WARNING, label,
                     "handed out again while it is being executed: one result answers both");
            return true;
        }
    }
    return false;
}

/*
 * Writes the claim to disk first. `fault`: what is wrong with the task, or NULL. Returns false if
 * it fails.
 */
static bool save(struct jobs *jobs, const struct task *task, const struct err *fault, const char *body,
                 size_t len)
{
    CLEANUP(worklist_item_done) struct worklist_item item = {.work = SLOT_RUN, .label = label_of(task)};
    struct err err = {0};
    if (journal_add(jobs->journal, task, body, len, &item.key, &err) < 0) {
        wait_for_disk(jobs, err.message);
        return false;
    }
    if (fault) {
        finish_with_error(jobs, &item, fault->message);
        return true;
    }
    condition_clear(jobs->settings.disk);
    label_log_claim(task, item.label, item.key);
    worklist_add(&jobs->work, SLOT_RUN, item.key, item.label);
    return true;
}

enum jobs_intake jobs_take(struct jobs *jobs, const char *body, size_t len, struct err *err)
{
    CLEANUP(task_done) struct task task = {0};
    failpoint("claim-answered"); /* a kill loses the claim only here, while it is only in memory */
    enum task_answer answer = task_parse(body, len, &task, err);
    if (answer == TASK_NONE || answer == TASK_UNUSABLE)
        return answer == TASK_NONE ? JOBS_NO_TASK : JOBS_NONSENSE;
    if (is_in_work(jobs, &task, body, len))
        return JOBS_AGAIN;
    if (!save(jobs, &task, answer == TASK_MALFORMED ? err : NULL, body, len))
        buf_append(&jobs->unsaved, body, len);
    jobs_proceed(jobs);
    return JOBS_TAKEN;
}

static void save_unsaved(struct jobs *jobs)
{
    if (!jobs->unsaved.len || !disk_is_well(jobs))
        return;
    CLEANUP(task_done) struct task task = {0};
    struct err err = {0};
    enum task_answer answer = task_parse(jobs->unsaved.data, jobs->unsaved.len, &task, &err);
    if (save(jobs, &task, answer == TASK_MALFORMED ? &err : NULL, jobs->unsaved.data, jobs->unsaved.len))
        buf_clear(&jobs->unsaved);
}

const char *jobs_obstacle(const struct jobs *jobs)
{
    return jobs->executor->kind->obstacle(jobs->executor);
}

bool jobs_have_room(const struct jobs *jobs)
{
    return !jobs->unsaved.len && disk_is_well(jobs) && !jobs_obstacle(jobs) &&
           slots_count(&jobs->slots, SLOT_FREE) > jobs->work.len;
}

void jobs_proceed(struct jobs *jobs)
{
    save_unsaved(jobs);
    struct worklist_item item;
    while (disk_is_well(jobs) && slots_find_free(&jobs->slots) &&
           worklist_take(&jobs->work, !jobs->draining, &item)) {
        start_item(jobs, &item);
        worklist_item_done(&item);
    }
}

/* ---- stopping ---- */

void jobs_expect_stop(struct jobs *jobs)
{
    jobs->stop_expected = true;
}

void jobs_drain(struct jobs *jobs)
{
    jobs->draining = true;
}

void jobs_stop(struct jobs *jobs)
{
    jobs->draining = true;
    for (size_t i = 0; i < jobs->slots.len; i++) {
        struct slot *slot = &jobs->slots.items[i];
        if (slot->work == SLOT_RUN)
            jobs->executor->kind->cancel(jobs->executor, slot);
        else
            slot_stop(slot);
    }
}

const struct slot_program *jobs_program(const struct jobs *jobs)
{
    return &jobs->program;
}

size_t jobs_running(const struct jobs *jobs)
{
    return slots_count(&jobs->slots, SLOT_RUN);
}

bool jobs_are_idle(const struct jobs *jobs)
{
    size_t startable = jobs->work.len - (jobs->draining ? worklist_claims(&jobs->work) : 0);
    return !jobs->unsaved.len && !startable && slots_count(&jobs->slots, SLOT_FREE) == jobs->slots.len;
}

/* ---- start ---- */

/* Executes a claim of an earlier process again, or writes its missing error result. */
static void take_up(struct jobs *jobs, const char *key)
{
    CLEANUP(task_done) struct task task = {0};
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    struct err err = {0};
    int r = journal_read(jobs->journal, key, &body, &err);
    enum task_answer answer =
        r < 0 ? TASK_UNUSABLE : task_parse(body.data ? body.data : "", body.len, &task, &err);
    if (!task.id_json) {
        log_task(LOG_LEVEL_ERROR, task_key_id(key), "cannot be read (%s): %s is moved to rejected/",
                 err.message, key);
        if (journal_set_aside(jobs->journal, key, &err) < 0)
            log_task(LOG_LEVEL_ERROR, task_key_id(key), "%s", err.message);
        return;
    }
    CLEANUP(mem_freep) char *label = label_of(&task);
    struct worklist_item item = {.work = SLOT_RUN, .key = (char *)key, .label = label};
    if (answer == TASK_MALFORMED)
        finish_with_error(jobs, &item, err.message);
    else
        worklist_add(&jobs->work, SLOT_RUN, key, label);
}

/* Loads claims and garbage of an earlier process. */
static int recover(struct jobs *jobs, struct err *err)
{
    CLEANUP(strv_done) struct strv claims = {0};
    CLEANUP(strv_done) struct strv garbage = {0};
    int r = journal_list(jobs->journal, &claims, &garbage, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < claims.len; i++)
        take_up(jobs, claims.items[i]);
    for (size_t i = 0; i < garbage.len; i++) {
        struct worklist_item item = {.work = SLOT_RUN, .key = garbage.items[i], .label = garbage.items[i]};
        put_away(jobs, &item, true);
    }
    size_t unsent = spool_len(jobs->settings.spool);
    if (claims.len || garbage.len || unsent)
        log_info(
            "found from an earlier run: %zu tasks to run, %zu results to deliver, %zu directories to clean",
            claims.len, unsent, garbage.len);
    return 0;
}

int jobs_open(const struct jobs_settings *settings, struct jobs **ret_jobs, struct err *err)
{
    const struct options *o = settings->options;
    struct jobs *jobs = mem_alloc(sizeof(*jobs));
    jobs->settings = *settings;
    jobs->cache_dir = mem_printf("%s/" STATE_CACHE, o->state_dir);
    jobs->jobs_dir = mem_printf("%s/" STATE_JOBS, o->state_dir);
    jobs->job_config = mem_printf("%s/" STATE_JOB_CONF, o->state_dir);
    jobs->program = (struct slot_program){.path = settings->job_program,
                                          .config_path = jobs->job_config,
                                          .cache_dir = jobs->cache_dir,
                                          .jobs_dir = jobs->jobs_dir,
                                          .progress = settings->observer != NULL};
    struct slot_settings slot = {.program = &jobs->program,
                                 .ev = settings->ev,
                                 .children = settings->children,
                                 .on_end = on_slot_end,
                                 .on_progress = settings->observer ? on_progress : NULL,
                                 .data = jobs};
    slots_init(&jobs->slots, &slot, (size_t)o->concurrent);
    struct executor_settings executor = {.options = o,
                                         .program = &jobs->program,
                                         .slots = &jobs->slots,
                                         .ev = settings->ev,
                                         .children = settings->children,
                                         .on_end = on_executor_end,
                                         .on_change = on_change,
                                         .data = jobs};
    int r = jobs_take_options(jobs, err);
    if (r == 0)
        r = fs_make_dirs(jobs->cache_dir, 0700, err);
    if (r == 0)
        r = journal_open(o->state_dir, &jobs->journal, err);
    if (r == 0)
        r = settings->open_executor(&executor, &jobs->executor, err);
    if (r == 0)
        r = recover(jobs, err);
    if (r < 0)
        jobs_free(jobs);
    else
        *ret_jobs = jobs;
    return r;
}

int jobs_take_options(struct jobs *jobs, struct err *err)
{
    const struct options *o = jobs->settings.options;
    jobs->program.cache_bytes = o->cache_bytes;
    jobs->program.min_free_bytes = o->min_free_bytes;
    jobs->program.reports = o->keep_jobs > 0;
    return options_write_job_file(o, jobs->job_config, err);
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs)
        return;
    if (jobs->unsaved.len)
        label_log_lost(jobs->unsaved.data, jobs->unsaved.len);
    if (jobs->executor)
        jobs->executor->kind->free(jobs->executor);
    slots_done(&jobs->slots);
    ev_timer_stop(jobs->settings.ev, &jobs->disk_timer);
    journal_free(jobs->journal);
    worklist_done(&jobs->work);
    buf_done(&jobs->unsaved);
    free(jobs->cache_dir);
    free(jobs->jobs_dir);
    free(jobs->job_config);
    free(jobs);
}
