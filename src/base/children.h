#pragma once

/*
 * The child processes of a program that runs several at a time. A caller adds a child right after
 * starting it; children_reap() waits for all of them and calls each one's callback.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct children;

/*
 * `status` is that of waitpid(2). The child is no longer listed; the callback may add and remove
 * others.
 */
typedef void children_exit_fn(int status, void *data);

struct children *children_new(void);

/* Does not end any process. Accepts NULL. */
void children_free(struct children *children);

/*
 * Adds a child, which may have ended already: call it before anything that reaps, that is before
 * control returns to the event loop.
 */
void children_add(struct children *children, pid_t pid, children_exit_fn *on_exit, void *data);

/* Drops the callback; the child is still reaped when it ends. Ignores a pid that is not listed. */
void children_remove(struct children *children, pid_t pid);

/*
 * Reaps every child that has ended, without waiting. One that is not listed, such as an orphan that
 * a subreaper (proc_become_subreaper()) has inherited, has no callback.
 */
void children_reap(struct children *children);

/*
 * Ends all our descendants with SIGKILL and reaps them, except the listed children and what is
 * below those. Returns how many were alive, or -ETIMEDOUT if some were still there after
 * `timeout_ms`.
 */
int children_kill_others(const struct children *children, int64_t timeout_ms, struct err *err);

/*
 * Returns true if a listed child is gone without having been reaped here: its callback will never
 * come.
 */
bool children_are_lost(const struct children *children);
