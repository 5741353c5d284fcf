#include "job/account.h"

#include "base/fs.h"
#include "base/mem.h"

#include <string.h>
#include <time.h>

void account_take_run(struct job *job, const struct run *run)
{
    struct summary *s = &job->summary;
    s->cpu_ms = run->proc.cpu_ms;
    s->memory_bytes = run->proc.peak.rss_bytes;
    s->limits[SUMMARY_TIME] = run->proc.timed_out;
    s->limits[SUMMARY_MEMORY] = run->proc.over_rss || run->box.hits.memory;
    s->limits[SUMMARY_PIDS] = run->box.hits.pids;
    s->limits[SUMMARY_DISK] = run->box.full[BOX_FULL_BYTES];
    s->limits[SUMMARY_INODES] = run->box.full[BOX_FULL_INODES];
    s->limits[SUMMARY_OUTPUT] = run->proc.out.dropped_bytes || run->proc.err.dropped_bytes;
}

int account_write_summary(struct job *job, const struct result *result, struct err *err)
{
    job_enter_stage(job, SUMMARY_STAGES);
    summary_set_task(&job->summary, &job->task);
    summary_set_result(&job->summary, result);
    job->summary.finished_s = time(NULL);
    CLEANUP(mem_freep) char *path = mem_printf("%s/summary.json", job->dir);
    CLEANUP(mem_freep) char *text = summary_format(&job->summary);
    return fs_write_plain(path, text, strlen(text), err);
}
