#include "runner/slurm_strangers.h"

#include "base/log.h"
#include "base/mem.h"
#include "runner/slurm.h"
#include "runner/slurm_cluster.h"
#include "runner/tool.h"

#include <sys/wait.h>
#include <unistd.h>

#define MAX_NAMES          50 /* in one command */
#define OUTPUT_LIMIT_BYTES 4096
#define TIMEOUT_MS         60000

void slurm_strangers_done(struct slurm_strangers *s)
{
    strv_done(&s->now);
    strv_done(&s->before);
    tool_free(s->tool);
}

void slurm_strangers_add(struct slurm_strangers *s, const char *job_name)
{
    strv_push(&s->now, job_name);
}

static void on_end(int status, const char *output, void *data)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    CLEANUP(mem_freep) char *text = slurm_cluster_complaint("scancel", status, output);
    log_warning("%s", text);
}

static void cancel(struct slurm_strangers *s, struct ev *ev, const struct strv *names)
{
    CLEANUP(strv_done) struct strv argv = {0};
    struct err err = {0};
    slurm_cancel_command(geteuid(), names, &argv);
    struct tool_wants wants = {&argv, OUTPUT_LIMIT_BYTES, TIMEOUT_MS, on_end, s};
    log_warning("%zu jobs in the cluster are of no use any more, and are cancelled: %s%s", names->len,
                names->items[0], names->len > 1 ? " …" : "");
    if (tool_start(ev, &wants, &s->tool, &err) < 0)
        log_warning("%s", err.message);
}

void slurm_strangers_cancel(struct slurm_strangers *s, struct ev *ev)
{
    CLEANUP(strv_done) struct strv twice = {0};
    for (size_t i = 0; i < s->now.len && twice.len < MAX_NAMES; i++)
        if (strv_contains(&s->before, s->now.items[i]))
            strv_push(&twice, s->now.items[i]);
    if (twice.len && !s->tool)
        cancel(s, ev, &twice);
    strv_done(&s->before);
    s->before = s->now;
    s->now = (struct strv){0};
}

bool slurm_strangers_are_there(const struct slurm_strangers *s)
{
    return s->before.len > 0;
}
