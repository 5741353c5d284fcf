#include "runner/executor/slurm/poll.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "runner/executor/slurm/cluster.h"
#include "runner/executor/slurm/commands.h"
#include "runner/executor/slurm/tool.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_LIMIT_BYTES (16U << 20)
#define TIMEOUT_MS         60000

static void set_answered(struct slurm_poll *p, bool has_answer, const char *fault)
{
    p->next_ms = clock_now_ms() + p->interval_ms;
    p->has_answer = has_answer;
    if (!has_answer)
        condition_raise(&p->silence, LOG_LEVEL_ERROR, fault);
    else if (condition_clear(&p->silence))
        log_info("Slurm answers again");
}

static void on_end(int status, const char *output, void *data)
{
    struct slurm_poll *p = data;
    /* jobs after the limit would seem to be gone */
    bool is_cut = strlen(output) >= OUTPUT_LIMIT_BYTES;
    CLEANUP(mem_freep)
    char *fault = is_cut ? mem_strdup("squeue tells of more jobs than can be read: too many of this user")
                         : slurm_cluster_complaint("squeue", status, output);
    set_answered(p, WIFEXITED(status) && WEXITSTATUS(status) == 0 && !is_cut, fault);
    if (p->has_answer)
        p->on_answer(output, p->data);
    p->on_end(p->data);
}

void slurm_poll_ask(struct slurm_poll *p)
{
    struct err err = {0};
    CLEANUP(strv_done) struct strv argv = {0};
    if (p->tool || clock_now_ms() < p->next_ms)
        return;
    slurm_list_command(geteuid(), &argv);
    struct tool_wants wants = {.argv = &argv,
                               .limit_bytes = OUTPUT_LIMIT_BYTES,
                               .timeout_ms = TIMEOUT_MS,
                               .on_end = on_end,
                               .data = p};
    p->count++;
    if (tool_start(p->ev, p->children, &wants, &p->tool, &err) < 0)
        set_answered(p, false, err.message);
}

const char *slurm_poll_obstacle(const struct slurm_poll *p)
{
    if (p->has_answer)
        return NULL;
    const char *fault = condition_text(&p->silence);
    return fault ? fault : "Slurm was not yet asked what it has";
}

void slurm_poll_done(struct slurm_poll *p)
{
    tool_free(p->tool);
}
