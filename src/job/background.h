#pragma once

/*
 * Work that a child process of ours does while we do something else. It sees our memory as it was
 * at the start; what it finds out comes back as a few bytes.
 */

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/* Does the work; what it puts into `result` is handed back. Runs in the child. */
typedef int background_fn(void *data, void *result, struct err *err);

struct background {
    pid_t pid;
    int fd;
};

/* `result` of `size` bytes is plain data, without pointers. */
int background_start(struct background *b, background_fn *fn, void *data, size_t size, struct err *err);

/*
 * Waits for the end. What `fn` gave, with its error; -ECANCELED (class cancelled) when `cancel_fd`
 * becomes readable first. To be called once after each start.
 */
int background_finish(struct background *b, int cancel_fd, void *ret_result, size_t size, struct err *err);

/* Tells it to stop, and waits. */
void background_cancel(struct background *b);
