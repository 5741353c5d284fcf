#pragma once

/* Runs a program and collects its output asynchronously, from the event loop. */

#include "base/children.h"
#include "base/err.h"
#include "base/ev.h"
#include "base/strv.h"

#include <stddef.h>
#include <stdint.h>

struct tool;

/*
 * Called at the end: `status` as of waitpid(2), and the output of both streams, cut at the limit.
 */
typedef void tool_end_fn(int status, const char *output, void *data);

struct tool_wants {
    const struct strv *argv;
    size_t limit_bytes; /* of the output; the rest is discarded */
    int64_t timeout_ms; /* until SIGKILL */
    tool_end_fn *on_end;
    void *data;
};

/*
 * Starts a program. When it has ended, `*ret_tool` is set to NULL, then on_end is called and the
 * tool freed: the pointer must stay where it is until then, or until tool_free().
 */
int tool_start(struct ev *ev, struct children *children, const struct tool_wants *wants,
               struct tool **ret_tool, struct err *err);

/* Kills the program if it is running, without calling on_end. Accepts NULL. */
void tool_free(struct tool *tool);
