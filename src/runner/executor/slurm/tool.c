#include "runner/executor/slurm/tool.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

struct tool {
    struct ev *ev;
    struct children *children;
    struct tool **owner; /* the owner's pointer to this */
    pid_t pid;           /* 0: reaped */
    int out_fd;
    struct ev_source out;
    struct ev_timer limit;
    struct buf output;
    tool_end_fn *on_end;
    void *data;
};

/* Returns false at the end of the stream. */
static bool take_output(struct tool *tool)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(tool->out_fd, chunk, sizeof(chunk))) > 0)
        buf_append(&tool->output, chunk, MIN((size_t)n, tool->output.limit - tool->output.len));
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void on_output(short events, void *data)
{
    struct tool *tool = data;
    if (!take_output(tool))
        ev_remove_fd(tool->ev, &tool->out);
}

static void on_limit(void *data)
{
    const struct tool *tool = data;
    kill(tool->pid, SIGKILL);
}

static void on_child_exit(int status, void *data)
{
    struct tool *tool = data;
    *tool->owner = NULL;
    tool->pid = 0;
    take_output(tool);
    tool->on_end(status, tool->output.data ? tool->output.data : "", tool->data);
    tool_free(tool);
}

int tool_start(struct ev *ev, struct children *children, const struct tool_wants *wants,
               struct tool **ret_tool, struct err *err)
{
    struct tool *tool = mem_alloc(sizeof(*tool));
    *tool = (struct tool){.ev = ev,
                          .children = children,
                          .owner = ret_tool,
                          .out_fd = -1,
                          .output = BUF_INIT(wants->limit_bytes),
                          .on_end = wants->on_end,
                          .data = wants->data};
    struct proc_setup setup = {
        .argv = wants->argv, .in_fd = -1, .death_signal = SIGKILL, .new_session = true};
    int r = proc_spawn_piped(&setup, &tool->pid, &tool->out_fd, err);
    if (r < 0) {
        tool_free(tool);
        return r;
    }
    ev_add_fd(ev, &tool->out, tool->out_fd, on_output, tool);
    ev_timer_at(ev, &tool->limit, clock_now_ms() + wants->timeout_ms, on_limit, tool);
    children_add(children, tool->pid, on_child_exit, tool);
    *ret_tool = tool;
    return 0;
}

void tool_free(struct tool *tool)
{
    if (!tool)
        return;
    if (tool->pid > 0) {
        children_remove(tool->children, tool->pid);
        kill(tool->pid, SIGKILL);
    }
    ev_remove_fd(tool->ev, &tool->out);
    ev_timer_stop(tool->ev, &tool->limit);
    fd_close(tool->out_fd);
    buf_done(&tool->output);
    free(tool);
}
