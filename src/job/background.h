#pragma once

/*
 * Runs a function in a child process while the caller does something else. The child sees the
 * caller's memory as it was at the start; its result comes back through a pipe.
 */

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/* Runs in the child, once. What it writes to `result` is returned by background_finish(). */
typedef int background_fn(void *data, void *result, struct err *err);

struct background {
    pid_t pid;
    int fd;
};

/* Starts `fn`. Its result has `size` bytes and must not contain pointers. */
int background_start(struct background *b, background_fn *fn, void *data, size_t size, struct err *err);

/*
 * Waits for the function to end and returns its code, with its result or error. Stops it and
 * returns -ECANCELED (class cancelled) if `cancel_fd` becomes readable first. Call this or
 * background_cancel() once after each successful start.
 */
int background_finish(struct background *b, int cancel_fd, void *ret_result, size_t size, struct err *err);

/* Sends SIGTERM to the child and waits for its end. */
void background_cancel(struct background *b);
