#include "job/pipeline.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/url.h"
#include "failed.xml.h"
#include "job/background.h"
#include "job/env.h"
#include "job/git/lfs.h"
#include "job/git/repo.h"
#include "job/judge.h"
#include "job/local_dir.h"
#include "job/report_files.h"
#include "job/run.h"
#include "job/suite.h"
#include "job/suite_fetch.h"
#include "model/state_files.h"
#include "passed.xml.h"

#include <errno.h>
#include <string.h>

static int read_task(struct job *job, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_TASK, job->dir);
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    int r = fs_read_file(path, TASK_MAX_BYTES, &body, err);
    if (r < 0)
        return r == -ENOENT ? err_set(err, ERR_INTERNAL, ENOENT, "There is no %s", path) : r;
    if (task_parse(body.data ? body.data : "", body.len, &job->task, err) == TASK_VALID)
        return 0;
    return err_set(err, ERR_INTERNAL, EINVAL, "%s is not a task", path);
}

static void log_fetched(const char *url, const char *branch, const char *commit, unsigned submodules,
                        int64_t start_ms)
{
    CLEANUP(mem_freep) char *shown = url_without_userinfo(url);
    log_fields(LOG_LEVEL_INFO, NULL, "fetched", LOG_TEXT("url", shown),
               LOG_TEXT("branch", branch ? branch : "(default)"), LOG_TEXT("commit", commit),
               LOG_NUMBER("ms", clock_now_ms() - start_ms));
    if (submodules)
        log_warning("%s has %u submodules; their directories stay empty", shown, submodules);
}

static int fetch_suite(void *data, void *result, struct err *err)
{
    const struct job *job = data;
    struct suite_fetched *fetched = result;
    int64_t start_ms = clock_now_ms();
    int r = suite_fetch(job, fetched, err);
    if (r == 0)
        log_fetched(job->options->tests_url, job->options->tests_branch, fetched->commit, fetched->submodules,
                    start_ms);
    return r;
}

static int fetch_repository(struct job *job, struct err *err)
{
    CLEANUP(repo_done) struct repo repo = {0};
    unsigned submodules = 0;
    int64_t start_ms = clock_now_ms();
    const struct task *task = &job->task;
    struct repo_source source = {.url = task->repository_url, .branch = task->branch};
    int r = repo_fetch(&job->git, job->cache_dir, &source, &repo, err);
    if (r == 0)
        r = repo_checkout(&job->git, &source, &repo, job->src, &submodules, err);
    if (r < 0)
        return r;
    log_fetched(task->repository_url, task->branch, repo.commit, submodules, start_ms);
    summary_set_commit(&job->seen.summary, repo.commit);
    job_tell_text(job, PROGRESS_COMMIT, repo.commit);
    return 0;
}

static int fetch_student(struct job *job, struct err *err)
{
    int r = job->src_dir ? local_dir_copy(job, job->src_dir, job->src, err) : fetch_repository(job, err);
    job->seen.pointers = r == 0 ? lfs_tell(job->src) : NULL;
    if (job->seen.pointers)
        log_warning("%s", job->seen.pointers);
    return r;
}

/*
 * Decides whose fault it is that the host of the student's repository does not answer, or that git
 * cannot read what it sent. If the suite could be fetched, the network and git work, so the fault
 * is on the student's side. If not, it is the machine's, and the repository is not blamed.
 */
static int look_at_suite(struct job *job, struct background *background, int r, struct err *err)
{
    struct suite_fetched fetched;
    struct err suite_err = {0};
    int suite_r = background_finish(background, job->cancel_fd, &fetched, sizeof(fetched), &suite_err);
    job->seen.students_host_is_away = suite_r == 0;
    if (suite_r == 0 || (suite_err.class != ERR_CANCELLED && err->class == ERR_NETWORK))
        return r;
    *err = suite_err;
    return suite_r;
}

/* Fetches both at the same time, since most of the time is spent waiting for the network. */
static int fetch_both(struct job *job, struct suite_fetched *ret_suite, struct err *err)
{
    struct background background;
    int r = job->src_dir ? 0 : git_check_url(&job->git, job->task.repository_url, err);
    if (r == 0 && job->tests_dir)
        r = local_dir_copy(job, job->tests_dir, job->tests, err);
    if (r == 0 && job->tests_dir && job_is_sandboxed(job))
        suite_fetch_give(job->tests);
    if (r < 0 || job->tests_dir)
        return r < 0 ? r : fetch_student(job, err);
    r = background_start(&background, fetch_suite, job, sizeof(*ret_suite), err);
    if (r < 0)
        return r;
    job->git.keep = background.pid;
    r = fetch_student(job, err);
    job->git.keep = 0;
    if (r == 0)
        return background_finish(&background, job->cancel_fd, ret_suite, sizeof(*ret_suite), err);
    if (err->class == ERR_NETWORK || (err->class == ERR_TASK && r == -EIO))
        return look_at_suite(job, &background, r, err);
    background_cancel(&background);
    return r;
}

static void log_run(const struct job *job, const struct run *run)
{
    char end[64];
    proc_describe_end(&run->proc, end, sizeof(end));
    log_fields(
        LOG_LEVEL_INFO, NULL, "tests ended", LOG_TEXT("end", end), LOG_NUMBER("ms", run->proc.wall_ms),
        LOG_NUMBER("cpu_ms", run->proc.cpu_ms), LOG_NUMBER("peak_rss_mb", run->proc.peak.rss_bytes >> 20),
        LOG_NUMBER("peak_processes", run->proc.peak.processes), LOG_NUMBER("samples", run->proc.samples));
    if (!events_has_session(run->events))
        log_info("no pytest reported its tests: the verdict rests on the suite's report alone");
    uint64_t unwritten = run->proc.out.unwritten_bytes + run->proc.err.unwritten_bytes;
    if (unwritten)
        log_warning("%llu bytes of the tests' output could not be written to its logs",
                    (unsigned long long)unwritten);
    uint64_t dropped = run->proc.out.dropped_bytes + run->proc.err.dropped_bytes;
    if (dropped)
        log_warning("the tests printed more than --output keeps: %llu bytes were dropped",
                    (unsigned long long)dropped);
    if (job->cluster_job && job_is_sandboxed(job) && run->sandbox.group_kind == CGROUP_NONE &&
        !sandbox_run_is_in_slurms(&run->sandbox))
        log_info("no control groups on this node, and none of Slurm's: memoryUsed is 0");
    if (run->proc.leftovers)
        log_warning("%u processes outlived the tests and were killed", run->proc.leftovers);
}

static int prepare_and_run(struct job *job, const struct suite *suite, const struct env *env,
                           struct result *ret_result, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(run_done) struct run run;
    run_init(&run);
    int r = suite_command(suite, job, env, &argv, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *shown = strv_join(&argv, " ");
    log_fields(LOG_LEVEL_INFO, NULL, "running the tests", LOG_TEXT("kind", suite_kind_name(suite)),
               LOG_TEXT("venv", env->is_venv ? "yes" : "no"));
    log_fields(LOG_LEVEL_DEBUG, NULL, "command", LOG_TEXT("line", shown));
    job_enter_stage(job, SUMMARY_TEST);
    struct run_wants wants = {.argv = &argv,
                              .may_change = &suite->may_change,
                              .names = suite_selected(suite, &job->task),
                              .output_bytes = job->options->output_bytes};
    r = run_tests(job, env, &wants, &run, err);
    if (r < 0)
        return r;
    log_run(job, &run);
    report_files_take_run(job, &run);
    job_enter_stage(job, SUMMARY_JUDGE);
    failpoint("tests-run");
    struct judge_wants judge = {.only_connected = !suite_selects_alone(suite),
                                .has_pytest = suite_runs_pytest(suite)};
    judge_run(job, &run, &judge, ret_result);
    return 0;
}

static int test(struct job *job, struct result *ret_result, struct err *err)
{
    struct suite_fetched fetched = {0};
    CLEANUP(suite_done) struct suite suite = {0};
    CLEANUP(env_done) struct env env = {0};
    job_enter_stage(job, SUMMARY_FETCH);
    int r = fetch_both(job, &fetched, err);
    if (r == 0)
        job_enter_stage(job, SUMMARY_PREPARE);
    job->seen.suite_commit = *fetched.commit ? mem_strdup(fetched.commit) : NULL;
    failpoint("task-fetched");
    if (r == 0 && job_is_sandboxed(job) && !job->tests_dir)
        r = suite_fetch_use_tree(job, &fetched, err);
    else if (r == 0 && !job_is_sandboxed(job))
        r = fs_make_dirs(job->tmp, 0700, err);
    if (r == 0)
        r = suite_prepare(&suite, job, fetched.commit, &env, err);
    if (suite.doubt)
        log_warning("%s", suite.doubt);
    return r < 0 ? r : prepare_and_run(job, &suite, &env, ret_result, err);
}

/* Answers with a predefined report (--mock), for the development of a backend. */
static int answer_with_predefined(const struct job *job, struct result *ret_result, struct err *err)
{
    bool fails = strstr(job->task.repository_url, "proxy-anton") != NULL;
    CLEANUP(report_done) struct report report = {0};
    int r = fails ? judge_parse_report(failed_xml, failed_xml_len, &report, err)
                  : judge_parse_report(passed_xml, passed_xml_len, &report, err);
    if (r < 0)
        return r;
    struct strv no_names = {0};
    struct verdict_input input = {
        .run = {.exited = true, .status = fails}, .report = &report, .tests = &no_names};
    verdict_judge(&input, ret_result);
    for (size_t i = 0; i < ret_result->tests_len; i++)
        ret_result->duration_ms += ret_result->tests[i].duration_ms;
    return 0;
}

/*
 * Returns true if the disk is full or read-only, which is not the task's fault. Checks the free
 * space too, since the failure of another program does not tell.
 */
static bool is_disk_full(const struct job *job, int r)
{
    struct fs_room room;
    if (r == -ENOSPC || r == -EDQUOT || r == -EROFS)
        return true;
    return fs_free_space(job->dir, &room, NULL) == 0 && fs_is_full(&room);
}

static bool is_fault_of_machine(enum err_class class)
{
    return class == ERR_ENVIRONMENT || class == ERR_NETWORK || class == ERR_INTERNAL;
}

typedef int report_files_fn(struct job *job, const struct result *result, struct err *err);

/* Writes a file that is only for people: a failure is logged, and not an error. */
static void warn_of(report_files_fn *write, struct job *job, const struct result *result)
{
    struct err err = {0};
    if (write(job, result, &err) < 0)
        log_warning("%s", err.message);
}

static int work(struct job *job, enum job_exit *ret_exit, struct err *err)
{
    CLEANUP(result_done) struct result result = {0};
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_RESULT, job->dir);
    int r = job_clean(job, err); /* leftovers of an interrupted attempt */
    if (r == 0)
        r = read_task(job, err);
    if (r < 0)
        return r;
    if (job->task.nameless_tests)
        log_warning("%zu connected tests are null or empty and select nothing: check the laboratory's tests "
                    "in the backend",
                    job->task.nameless_tests);
    if (fs_exists(path)) {
        log_info("an earlier job has already written the result");
        return 0;
    }
    r = job->options->mock ? answer_with_predefined(job, &result, err) : test(job, &result, err);
    if (r < 0 && err->class == ERR_CANCELLED)
        return r;
    bool is_machine = r < 0 && is_fault_of_machine(err->class);
    if (is_machine && is_disk_full(job, r))
        return r == -EROFS ? r : -ENOSPC;
    if (r == 0 && result.is_error && is_disk_full(job, 0))
        return err_set(err, ERR_ENVIRONMENT, ENOSPC, "The disk is full: %s", result.error_details);
    is_machine = is_machine && !job->seen.students_host_is_away;
    *ret_exit = is_machine ? JOB_EXIT_MACHINE : r < 0 ? JOB_EXIT_TASK : JOB_EXIT_DONE;
    if (r < 0) {
        log_fields(LOG_LEVEL_WARNING, NULL, err->message, LOG_TEXT("class", err_class_name(err->class)));
        result_init_error(&result, err->message);
    } else if (result.error_details && *result.error_details) {
        /* The result only has as much as the backend can store. */
        log_write(result.is_error ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s", result.error_details);
    }
    log_fields(LOG_LEVEL_INFO, NULL, "result", LOG_TEXT("passed", result.is_passed ? "yes" : "no"),
               LOG_TEXT("error", result.is_error ? "yes" : "no"), LOG_NUMBER("tests", result.tests_len));
    warn_of(report_files_write_summary, job, &result);
    failpoint("result-judged");
    r = judge_write_result(job, &result, err);
    failpoint("result-written");
    if (r == 0 && job->reports)
        warn_of(report_files_write_page, job, &result);
    return r;
}

int pipeline_run(const struct job_setup *setup, enum job_exit *ret_exit, struct err *err)
{
    CLEANUP(job_done) struct job job;
    job_init(&job, setup);
    int r = work(&job, ret_exit, err);
    struct err cleaning = {0};
    if (job_clean(&job, &cleaning) < 0)
        log_warning("%s", cleaning.message);
    return r;
}
