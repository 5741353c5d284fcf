#pragma once

/* File descriptors. Every descriptor in this project is close-on-exec. */

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/* Closes and keeps errno; -1 is allowed. Always gives -1, for: fd = fd_close(fd); */
int fd_close(int fd);

static inline void fd_closep(int *fd)
{
    fd_close(*fd);
}

int fd_set_nonblock(int fd);

/* As many descriptors as this process may allow itself: the usual 1024 are for programs with select(2). */
void fd_raise_limit(void);

/* Writes all of it, over short writes and EINTR. 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t len);

/*
 * Appends up to `max` bytes of what is there to read. Gives the number of bytes, 0 at the end of
 * the file, -EAGAIN where nothing is there now, -EFBIG past the buffer's limit, or -errno.
 */
ssize_t fd_read_some(int fd, struct buf *b, size_t max);

/* Reads to the end. 0 or -errno; -EFBIG past the buffer's limit. */
int fd_read_all(int fd, struct buf *b);
