#include "job/job.h"

#include "base/fs.h"

void job_init(struct job *ret_job, const struct job_options *options, const char *cache_dir, const char *dir,
              int cancel_fd)
{
    *ret_job = (struct job){
        .options = options,
        .cache_dir = cache_dir,
        .dir = dir,
        .src = mem_printf("%s/src", dir),
        .tests = mem_printf("%s/tests", dir),
        .home = mem_printf("%s/home", dir),
        .report = mem_printf("%s/home/report.xml", dir),
        .events = mem_printf("%s/events.log", dir),
        .cancel_fd = cancel_fd,
        .git = {.protocols = options->git_protocols,
                .scratch_dir = dir,
                .timeout_ms = options->timeout_ms,
                .limit_bytes = options->disk_bytes,
                .cancel_fd = cancel_fd},
    };
}

void job_done(struct job *job)
{
    free(job->src);
    free(job->tests);
    free(job->home);
    free(job->report);
    free(job->events);
    task_done(&job->task);
}

int job_clean(const struct job *job, struct err *err)
{
    const char *const trees[] = {job->src, job->tests, job->home};
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        int r = fs_remove_tree(trees[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}
