#include "job/job.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "model/lease.h"
#include "sandbox/init_protocol.h"

#include <errno.h>
#include <string.h>

void job_init(struct job *ret_job, const struct job_setup *setup)
{
    const struct job_options *options = setup->options;
    const char *dir = setup->dir;
    *ret_job = (struct job){
        .options = options,
        .cache_dir = setup->cache_dir,
        .dir = dir,
        .src_dir = setup->src_dir,
        .tests_dir = setup->tests_dir,
        .tells_progress = setup->tells_progress,
        .reports = setup->reports,
        .slot = setup->slot,
        .stage = SUMMARY_STAGES,
        .src = mem_printf("%s/src", dir),
        .tests = mem_printf("%s/tests", dir),
        .home = mem_printf("%s/home", dir),
        .tmp = mem_printf("%s/home/tmp", dir),
        .cancel_fd = setup->cancel_fd,
        .cluster_job = setup->cluster_job,
        .credentials = {mem_printf("%s/src.credentials", dir), mem_printf("%s/tests.credentials", dir)},
        .git = {.protocols = options->git_protocols,
                .timeout_ms = options->timeout_ms,
                .limit_bytes = options->disk_bytes,
                .threads = MAX(1U, (unsigned)options->cpus),
                .cancel_fd = setup->cancel_fd},
    };
    ret_job->git.credentials_path = ret_job->credentials[0];
    if (job_is_sandboxed(ret_job)) {
        ret_job->report = mem_printf("%s/report.xml", dir);
        ret_job->inside = (struct job_inside){BOX_SRC, BOX_TESTS, BOX_HOME, "/tmp", BOX_REPORT};
    } else {
        ret_job->report = mem_printf("%s/home/report.xml", dir);
        ret_job->inside =
            (struct job_inside){ret_job->src, ret_job->tests, ret_job->home, ret_job->tmp, ret_job->report};
    }
}

void job_tell(const struct job *job, const struct progress *progress)
{
    if (!job->tells_progress)
        return;
    CLEANUP(mem_freep) char *text = progress_format(progress);
    log_line(PROGRESS_WORD, text);
}

void job_tell_text(const struct job *job, enum progress_kind kind, const char *text)
{
    if (!job->tells_progress)
        return;
    struct progress p;
    progress_set_text(&p, kind, text);
    job_tell(job, &p);
}

void job_enter_stage(struct job *job, enum summary_stage stage)
{
    int64_t now_ms = clock_now_ms();
    if (job->stage != SUMMARY_STAGES)
        job->seen.summary.stages_ms[job->stage] += MAX(now_ms - job->stage_start_ms, (int64_t)1);
    job->stage = stage;
    job->stage_start_ms = now_ms;
    if (stage != SUMMARY_STAGES)
        job_tell_text(job, PROGRESS_STAGE, summary_stage_name(stage));
}

bool job_is_sandboxed(const struct job *job)
{
    return job->options->sandbox != JOB_SANDBOX_NONE;
}

void job_done(struct job *job)
{
    free(job->src);
    free(job->tests);
    free(job->home);
    free(job->report);
    free(job->tmp);
    free(job->credentials[0]);
    free(job->credentials[1]);
    task_done(&job->task);
    summary_done(&job->seen.summary);
    free(job->seen.suite_commit);
    free(job->seen.pointers);
}

/* Removes the directories of earlier attempts in a cluster. */
static int remove_attempts(const char *dir, struct err *err)
{
    CLEANUP(strv_done) struct strv names = {0};
    int r = fs_list_dir(dir, &names, err);
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, names.items[i]);
        if (strncmp(names.items[i], LEASE_DIR_PREFIX, strlen(LEASE_DIR_PREFIX)) == 0)
            r = fs_remove_tree(path, err);
    }
    return r == -ENOENT ? 0 : r;
}

int job_clean(const struct job *job, struct err *err)
{
    static const char *const names[] = {"src",
                                        "tests",
                                        "home",
                                        "channel",
                                        "report.xml",
                                        "src.index",
                                        "src.index.lock",
                                        "src.credentials",
                                        "src.credentials.tmp",
                                        "tests.credentials",
                                        "tests.credentials.tmp",
                                        "suite.knows",
                                        "suite.knows.tmp",
                                        "result.json.tmp",
                                        "report.html.tmp"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", job->dir, names[i]);
        int r = fs_remove_tree(path, err);
        if (r < 0)
            return r;
    }
    return remove_attempts(job->dir, err);
}
