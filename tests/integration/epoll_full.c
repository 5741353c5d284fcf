/*
 * For LD_PRELOAD: while the file $EPOLL_FULL exists, simulates the user's limit of epoll watches.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

int epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event)
{
    static int (*real)(int, int, int, struct epoll_event *);
    if (!real)
        real = (int (*)(int, int, int, struct epoll_event *))dlsym(RTLD_NEXT, "epoll_ctl");
    if (what == EPOLL_CTL_ADD && access(getenv("EPOLL_FULL"), F_OK) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return real(epoll_fd, what, fd, event);
}
