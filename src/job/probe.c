#include "job/probe.h"

#include "base/fs.h"
#include "base/log.h"
#include "job/env.h"
#include "job/run.h"
#include "job/suite.h"
#include "job/suite_fetch.h"
#include "sandbox/cgroup_find.h"
#include "sandbox/cgroup_slurm.h"

#include <errno.h>

int probe_sandbox(struct job *job, struct err *err)
{
    static const struct env env = {0};
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(run_done) struct run run;
    struct run_wants wants = {.argv = &argv, .output_bytes = 65536, .without_src = true};
    run_init(&run);
    strv_push(&argv, "/bin/true");
    int r = fs_make_dirs(job->tests, 0755, err);
    if (r == 0)
        suite_fetch_give(job->tests);
    if (r == 0)
        r = run_tests(job, &env, &wants, &run, err);
    if (r == 0 && (!run.proc.exited || run.proc.status != 0))
        r = err_set(err, ERR_ENVIRONMENT, EIO, "/bin/true does not work in the sandbox: %s",
                    run.last_words ? run.last_words : "it printed nothing");
    if (r == 0 && run.sandbox.copied)
        log_warning("The suite's files are copied for each task, since there is no overlay: %s",
                    run.sandbox.copied);
    return r;
}

int probe_suite(struct job *job, struct err *err)
{
    struct suite_fetched fetched = {0};
    CLEANUP(suite_done) struct suite suite = {0};
    CLEANUP(env_done) struct env env = {0};
    int r = suite_fetch(job, &fetched, err);
    if (r == 0 && job_is_sandboxed(job))
        r = suite_fetch_use_tree(job, &fetched, err);
    if (r == 0)
        r = suite_prepare(&suite, job, fetched.commit, &env, err);
    if (r == 0)
        log_fields(LOG_LEVEL_INFO, NULL, "suite", LOG_TEXT("commit", fetched.commit),
                   LOG_TEXT("kind", suite_kind_name(&suite)),
                   LOG_TEXT("python", env.python ? env.python : "(none)"));
    if (r == 0 && suite.doubt) /* doctor shows the last line */
        log_warning("%s", suite.doubt);
    return r;
}

/* Logs how memory is limited and measured. */
static void log_groups(const struct job *job)
{
    struct cgroup_parents parents;
    struct cgroup_slurm slurm;
    cgroup_find(&parents);
    cgroup_slurm_find(job->cluster_job, &slurm);
    if (parents.kind != CGROUP_NONE)
        log_info("control groups: %s: all limits hold, memory is measured", cgroup_kind_name(parents.kind));
    else if (slurm.dir)
        log_info(
            "control groups: Slurm's, %s: memory is measured there; --memory is watched by samples only, "
            "--cpus has no effect",
            slurm.is_v2 ? "v2" : "v1");
    else
        log_info(
            "control groups: none, and none of Slurm's (TaskPlugin=task/cgroup): memoryUsed is 0, --memory "
            "is watched by samples only, --cpus has no effect");
    if (slurm.limit_bytes != CGROUP_SLURM_NO_LIMIT)
        log_info("Slurm limits the job to %llu MB of memory", (unsigned long long)(slurm.limit_bytes >> 20));
    cgroup_parents_done(&parents);
    cgroup_slurm_done(&slurm);
}

int probe_node(struct job *job, struct err *err)
{
    if (job_is_sandboxed(job))
        log_groups(job);
    if (!job_is_sandboxed(job))
        log_info("no sandbox (--sandbox none)");
    int r = job_is_sandboxed(job) ? probe_sandbox(job, err) : 0;
    return r < 0 ? r : probe_suite(job, err);
}
