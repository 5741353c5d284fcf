#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

int fd_close(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return -1;
}

int fd_set_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

void fd_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t fd_read_some(int fd, struct buf *b, size_t max)
{
    char chunk[16384];
    ssize_t n;
    do {
        n = read(fd, chunk, MIN(max, sizeof(chunk)));
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    int r = buf_append(b, chunk, (size_t)n);
    return r < 0 ? r : n;
}

int fd_read_all(int fd, struct buf *b)
{
    ssize_t n;
    do {
        n = fd_read_some(fd, b, SIZE_MAX);
    } while (n > 0);
    return (int)n;
}
