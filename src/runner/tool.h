#pragma once

/* A program that is started, and whose words are waited for, beside the event loop's other work. */

#include "base/err.h"
#include "base/ev.h"
#include "base/strv.h"

#include <stdbool.h>
#include <sys/types.h>

struct tool;

/* It has ended: `status` as of waitpid(2), and what it printed, both streams in one, cut at the limit. */
typedef void tool_end_fn(int status, const char *output, void *data);

struct tool_wants {
    const struct strv *argv;
    size_t limit_bytes; /* of the output; the rest is read and dropped */
    int64_t timeout_ms; /* then it gets SIGKILL */
    tool_end_fn *on_end;
    void *data;
};

int tool_start(struct ev *ev, const struct tool_wants *wants, struct tool **ret_tool, struct err *err);

pid_t tool_pid(const struct tool *tool);

/*
 * A child has been reaped. Where it was `*tool`, that is freed and NULL before its on_end is called. Gives
 * whether it was.
 */
bool tool_reaped(struct tool **tool, pid_t pid, int status);

/* Ends it, if it runs still, without a call of on_end. NULL is allowed. */
void tool_free(struct tool *tool);
