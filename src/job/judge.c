#include "job/judge.h"

#include "base/failpoint.h"
#include "base/fd.h"
#include "base/fs.h"
#include "model/events.h"
#include "model/junit.h"
#include "model/state_files.h"
#include "model/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES 65536

static void junit_freep(struct junit **j)
{
    junit_free(*j);
}

int judge_parse_report(const char *text, size_t len, struct report *ret_report, struct err *err)
{
    CLEANUP(junit_freep) struct junit *j = junit_new(&junit_default_limits);
    int r = junit_feed(j, text, len, err);
    return r < 0 ? r : junit_finish(j, ret_report, err);
}

static int feed_file(struct junit *j, int fd, struct err *err)
{
    char chunk[CHUNK_BYTES];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "Cannot read the tests' report");
        if (n == 0)
            return 0;
        int r = junit_feed(j, chunk, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

int judge_read_report(const char *path, struct report *ret_report, struct err *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_TASK, ENOENT, "The tests wrote no report");
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_TASK, EINVAL, "The tests' report is not a regular file");
    CLEANUP(junit_freep) struct junit *j = junit_new(&junit_default_limits);
    int r = feed_file(j, fd, err);
    return r < 0 ? r : junit_finish(j, ret_report, err);
}

/* ---- the end of the run ---- */

static void push_memory_hits(const struct job *job, const struct run *run, struct strv *limits)
{
    bool in_slurms = sandbox_run_is_in_slurms(&run->sandbox);
    uint64_t limit_bytes = in_slurms ? run->sandbox.slurm.limit_bytes : job->options->memory_bytes;
    strv_pushf(limits, "The limit of %llu MB of memory%s was reached: %llu processes were killed",
               (unsigned long long)(limit_bytes >> 20), in_slurms ? " for all of the job" : "",
               (unsigned long long)run->sandbox.hits.memory);
}

static void push_hits(const struct job *job, const struct run *run, struct strv *limits)
{
    const struct job_options *o = job->options;
    if (run->sandbox.hits.memory)
        push_memory_hits(job, run, limits);
    if (run->sandbox.hits.pids)
        strv_pushf(limits, "The limit of %lld processes and threads was reached", (long long)o->pids);
    if (run->sandbox.full[BOX_FULL_BYTES])
        strv_pushf(limits, "The limit of %llu MB for all files was reached",
                   (unsigned long long)(o->disk_bytes >> 20));
    if (run->sandbox.full[BOX_FULL_INODES])
        strv_pushf(limits, "The limit of %lld files was reached", (long long)o->inodes);
    if (job->seen.pointers)
        strv_push(limits, job->seen.pointers);
}

/* Returns a sentence if output was dropped, else NULL. The caller frees. */
static char *tell_dropped(const struct job *job, const struct proc_run *run)
{
    return run->out.dropped_bytes || run->err.dropped_bytes
               ? mem_printf("The test run printed more than %llu KB; the rest was dropped",
                            (unsigned long long)(job->options->output_bytes >> 10))
               : NULL;
}

/*
 * Returns true if the sandbox was killed, so that the suite's end is unknown. No process inside can
 * do that.
 */
static bool is_lost(const struct job *job, const struct run *run)
{
    return job_is_sandboxed(job) && !run->sandbox.ended;
}

/* Returns a sentence about the test that was running. The caller frees. */
static char *why_ended(const struct job *job, const struct run *whole)
{
    const struct proc_run *run = &whole->proc;
    const char *words = whole->last_words;
    if (run->timed_out)
        return mem_printf("Was running when the time limit of %.6g s for all tests was reached",
                          (double)run->timeout_ms / 1000);
    if (run->over_rss)
        return mem_printf("Was running when the limit of %llu MB of memory for all tests was passed",
                          (unsigned long long)(job->options->memory_bytes >> 20));
    if (is_lost(job, whole))
        return mem_strdup("Was running when the sandbox of the test run was killed");
    if (run->exited)
        return mem_printf("Was running when the test run ended with exit status %d%s%s", run->status,
                          words ? "; last output: " : "", words ? words : "");
    return mem_printf("Was running when the test run was ended by signal %d", run->signal);
}

/*
 * Makes a report from the plugin's events. Returns false if there are none. `ret_running`: the name
 * of the test that was running, or NULL; the caller frees.
 */
static bool take_events(const struct job *job, const struct run *run, struct report *ret_report,
                        char **ret_running)
{
    if (!events_count(run->events))
        return false;
    CLEANUP(mem_freep) char *why = why_ended(job, run);
    ssize_t running;
    report_done(ret_report);
    events_report(run->events, why, ret_report, &running);
    *ret_running = running >= 0 ? report_case_name(&ret_report->cases[running]) : NULL;
    return true;
}

static bool has_pass(const struct report *report)
{
    for (size_t i = 0; i < report->len; i++)
        if (report_is_pass(report->cases[i].status))
            return true;
    return false;
}

static bool has_other(const struct report *report)
{
    for (size_t i = 0; i < report->len; i++)
        if (!report_is_pass(report->cases[i].status))
            return true;
    return false;
}

/* Returns a sentence if the suite's files were changed or replaced, else NULL. The caller frees. */
static char *find_change(const struct run *run)
{
    if (run->sandbox.changed && run->sandbox.change_is_new)
        return mem_printf(
            "The file %s was added to the suite while the tests ran, and tools take it for one of "
            "the suite's own",
            run->sandbox.changed);
    if (run->sandbox.changed)
        return mem_printf("The suite's file %s was changed while the tests ran", run->sandbox.changed);
    if (run->loaded && *run->loaded == '/')
        return mem_printf(
            "pytest used %s, which is not the suite's: the suite needs a pytest.ini of its own, "
            "and modules of other names",
            run->loaded);
    if (run->loaded)
        return mem_printf("The file %s was loaded from the suite's directory, but is not the suite's",
                          run->loaded);
    return NULL;
}

/*
 * Returns a sentence if report and run do not agree, else NULL. The caller frees. `missed`: a
 * sentence about tests that did not run to their end; it does not count if another test failed,
 * which may be the reason.
 */
static char *find_disagreement(const struct job *job, const struct run *run, const struct judge_wants *wants,
                               const char *missed, struct report *report)
{
    if (wants->has_pytest && !events_has_session(run->events) && has_pass(report))
        return mem_strdup("Report and run disagree: pytest reported no tests");
    if (missed && !events_first_fault(run->events) && has_pass(report) && !has_other(report))
        return mem_strdup(missed);
    char *fault = events_compare(run->events, wants->only_connected ? &job->task.tests : NULL, report);
    if (!fault && run->was_stopped && has_pass(report) && !has_other(report))
        return mem_strdup("pytest was stopped for some time while the tests ran (SIGSTOP, SIGCONT), and the "
                          "suite's time limits with it");
    return fault;
}

static int read_report(const struct job *job, const struct run *run, struct report *ret_report,
                       struct err *err)
{
    if (run->sandbox.no_report)
        return err_set(err, ERR_TASK, ENOENT, "%s", run->sandbox.no_report);
    int r = judge_read_report(job->report, ret_report, err);
    bool is_pytests = r == 0 && (ret_report->is_pytests || events_has_session(run->events));
    if (is_pytests && ret_report->len > events_count_ended(run->events))
        report_merge_reruns(ret_report);
    return r;
}

void judge_run(const struct job *job, const struct run *run, const struct judge_wants *wants,
               struct result *ret_result)
{
    CLEANUP(report_done) struct report report = {0};
    CLEANUP(strv_done) struct strv limits = {0};
    CLEANUP(mem_freep) char *running = NULL;
    CLEANUP(mem_freep) char *disagreement = NULL;
    CLEANUP(mem_freep) char *ended_for = NULL;
    CLEANUP(mem_freep) char *missed = events_missed(run->events);
    struct err err = {0};
    if (run->proc.over_rss)
        ended_for = mem_printf("The tests used more than %llu MB of memory and were stopped",
                               (unsigned long long)(job->options->memory_bytes >> 20));
    else if (is_lost(job, run))
        ended_for = mem_strdup("The sandbox of the test run was killed before the tests had ended");
    bool ended_by_itself = run->proc.exited && !run->proc.timed_out && !ended_for;
    bool have_report = !ended_by_itself && take_events(job, run, &report, &running);
    if (!have_report) {
        have_report = read_report(job, run, &report, &err) == 0;
        disagreement = find_change(run);
        if (!disagreement && have_report)
            disagreement = find_disagreement(job, run, wants, missed, &report);
    }
    if (disagreement || !have_report)
        have_report = take_events(job, run, &report, &running) || have_report;
    push_hits(job, run, &limits);
    CLEANUP(mem_freep) char *dropped = tell_dropped(job, &run->proc);
    struct verdict_input input = {
        .run = {.exited = run->proc.exited,
                .status = run->proc.status,
                .signal = run->proc.signal,
                .timed_out = run->proc.timed_out,
                .timeout_ms = run->proc.timeout_ms,
                .wall_ms = run->proc.wall_ms,
                .ended_for = ended_for,
                .running = running,
                .last_words = run->last_words},
        .report = have_report ? &report : NULL,
        .report_error = &err,
        .tests = &job->task.tests,
        .disagreement = disagreement,
        .missed = missed,
        .limits = &limits,
        .remark = dropped,
        .only_connected = wants->only_connected,
    };
    verdict_judge(&input, ret_result);
}

/* ---- result.json ---- */

static int write_to_file(const char *text, size_t len, void *data)
{
    return fwrite(text, 1, len, data) == len ? 0 : -errno;
}

static int write_and_sync(const struct job *job, const struct result *result, FILE *file)
{
    enum result_memory_unit unit = (enum result_memory_unit)job->options->memory_unit;
    int r = result_write(result, job->task.id_json, unit, write_to_file, file);
    if (fflush(file) != 0 || fsync(fileno(file)) < 0)
        r = r < 0 ? r : -errno;
    return r;
}

int judge_write_result(const struct job *job, const struct result *result, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_RESULT, job->dir);
    CLEANUP(mem_freep) char *temporary = mem_printf("%s.tmp", path);
    FILE *file = fopen(temporary, "we");
    if (!file)
        return err_errno(err, errno, "Cannot create %s", temporary);
    failpoint("result-begun");
    int r = write_and_sync(job, result, file);
    if (fclose(file) != 0 && r == 0)
        r = -errno;
    if (r < 0) {
        unlink(temporary);
        return err_errno(err, -r, "Cannot write %s", temporary);
    }
    return fs_rename_durable(temporary, path, err);
}
