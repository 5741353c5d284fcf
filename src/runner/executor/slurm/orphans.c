#include "runner/executor/slurm/orphans.h"

#include "base/log.h"
#include "base/mem.h"
#include "runner/executor/slurm/cluster.h"
#include "runner/executor/slurm/commands.h"
#include "runner/executor/slurm/tool.h"

#include <sys/wait.h>
#include <unistd.h>

#define MAX_NAMES          50 /* after one answer */
#define OUTPUT_LIMIT_BYTES 4096
#define TIMEOUT_MS         60000

void slurm_orphans_done(struct slurm_orphans *s)
{
    strv_done(&s->now);
    strv_done(&s->before);
    strv_done(&s->doomed);
    tool_free(s->tool);
}

void slurm_orphans_add(struct slurm_orphans *s, const char *job_name)
{
    strv_push(&s->now, job_name);
}

static void cancel_next(struct slurm_orphans *s);

static void on_end(int status, const char *output, void *data)
{
    struct slurm_orphans *s = data;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        cancel_next(s);
        return;
    }
    CLEANUP(mem_freep) char *text = slurm_cluster_complaint("scancel", status, output);
    log_warning("%s", text);
    strv_done(&s->doomed); /* the next answer contains them again */
}

/* One by one, since scancel takes a single name. */
static void cancel_next(struct slurm_orphans *s)
{
    CLEANUP(strv_done) struct strv argv = {0};
    struct err err = {0};
    if (s->next_doomed >= s->doomed.len) {
        strv_done(&s->doomed);
        return;
    }
    slurm_cancel_command(geteuid(), s->doomed.items[s->next_doomed++], &argv);
    struct tool_wants wants = {.argv = &argv,
                               .limit_bytes = OUTPUT_LIMIT_BYTES,
                               .timeout_ms = TIMEOUT_MS,
                               .on_end = on_end,
                               .data = s};
    if (tool_start(s->ev, s->children, &wants, &s->tool, &err) < 0) {
        log_warning("%s", err.message);
        strv_done(&s->doomed);
    }
}

static void cancel_all(struct slurm_orphans *s)
{
    if (!s->doomed.len)
        return;
    log_warning("cancelling %zu orphaned jobs in the cluster: %s%s", s->doomed.len, s->doomed.items[0],
                s->doomed.len > 1 ? " …" : "");
    s->next_doomed = 0;
    cancel_next(s);
}

void slurm_orphans_cancel(struct slurm_orphans *s)
{
    bool is_busy = s->doomed.len > 0;
    for (size_t i = 0; i < s->now.len && !is_busy && s->doomed.len < MAX_NAMES; i++)
        if (strv_contains(&s->before, s->now.items[i]) && !strv_contains(&s->doomed, s->now.items[i]))
            strv_push(&s->doomed, s->now.items[i]);
    strv_done(&s->before);
    s->before = s->now;
    s->now = (struct strv){0};
    if (!is_busy)
        cancel_all(s);
}

bool slurm_orphans_are_there(const struct slurm_orphans *s)
{
    return s->before.len > 0;
}
