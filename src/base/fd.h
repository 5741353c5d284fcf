#pragma once

/* File descriptors. Every descriptor in this project is close-on-exec. */

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * Closes the descriptor, preserving errno; -1 is allowed. Always returns -1, for: fd =
 * fd_close(fd);
 */
int fd_close(int fd);

static inline void fd_closep(int *fd)
{
    fd_close(*fd);
}

int fd_set_nonblock(int fd);

/*
 * Raises the limit of open files to the hard limit: the usual 1024 is for programs that use
 * select(2).
 */
void fd_raise_limit(void);

/* Writes everything, across short writes and EINTR. Returns 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t len);

/*
 * Appends up to `max` bytes with one read(2). Returns the number of bytes, 0 at the end of the
 * file, -EAGAIN if nothing is available now, -EFBIG beyond the buffer's limit, or -errno.
 */
ssize_t fd_read_some(int fd, struct buf *b, size_t max);

/* Reads to the end of the file. Returns 0, -EFBIG beyond the buffer's limit, or -errno. */
int fd_read_all(int fd, struct buf *b);
