#include "job/background.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Precedes the result's bytes in the pipe. */
struct reply {
    int code;
    struct err err;
};

static void work(int fd, pid_t parent, background_fn *fn, void *data, size_t size)
{
    CLEANUP(mem_freep) void *result = mem_alloc(size);
    struct reply reply = {0};
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0L, 0L, 0L);
    reply.code = getppid() == parent ? proc_become_subreaper(&reply.err) : -ESRCH;
    if (reply.code == 0)
        reply.code = fn(data, result, &reply.err);
    if (fd_write_all(fd, &reply, sizeof(reply)) == 0)
        fd_write_all(fd, result, size);
}

int background_start(struct background *b, background_fn *fn, void *data, size_t size, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "Cannot create a pipe");
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        work(ends[1], parent, fn, data, size);
        _exit(0);
    }
    int code = errno;
    fd_close(ends[1]);
    if (pid < 0) {
        fd_close(ends[0]);
        return err_errno(err, code, "Cannot start a process");
    }
    *b = (struct background){.pid = pid, .fd = ends[0]};
    return 0;
}

/* The pipe is readable as soon as the function has returned or the child is dead. */
static bool is_cancelled(const struct background *b, int cancel_fd)
{
    struct pollfd fds[] = {{.fd = b->fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return !fds[0].revents;
}

int background_finish(struct background *b, int cancel_fd, void *ret_result, size_t size, struct err *err)
{
    if (is_cancelled(b, cancel_fd)) {
        background_cancel(b);
        return err_set(err, ERR_CANCELLED, ECANCELED, "The task was stopped");
    }
    CLEANUP(buf_done) struct buf text = BUF_INIT(sizeof(struct reply) + size);
    struct reply reply;
    int r = fd_read_all(b->fd, &text);
    fd_close(b->fd);
    while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    b->pid = 0;
    if (r < 0 || text.len != sizeof(reply) + size)
        return err_set(err, ERR_INTERNAL, EIO, "A process of the job died");
    memcpy(&reply, text.data, sizeof(reply));
    memcpy(ret_result, text.data + sizeof(reply), size);
    if (reply.code < 0)
        *err = reply.err;
    return reply.code;
}

void background_cancel(struct background *b)
{
    kill(b->pid, SIGTERM);
    fd_close(b->fd);
    while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    b->pid = 0;
}
