#include "sandbox/userns.h"

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/init_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Child process: creates the namespace, which belongs to the creating user, and keeps it alive
 * until the other end of the socket is closed.
 */
static void make_namespace(uid_t uid, int socket)
{
    int r = setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
                    unshare(CLONE_NEWUSER) < 0
                ? errno
                : 0;
    if (write(socket, &r, sizeof(r)) == sizeof(r) && read(socket, &r, sizeof(r)) > 0)
        _exit(1);
    _exit(0);
}

static int write_file(pid_t pid, const char *name, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("/proc/%d/%s", (int)pid, name);
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Writes the maps of the child's namespace and opens it. */
static int set_up(pid_t pid, uid_t uid, int socket, int *ret_fd)
{
    CLEANUP(mem_freep)
    char *map = mem_printf("%d %u 1\n%d %d 1\n", BOX_UID, uid, BOX_SUITE_UID, BOX_HOST_SUITE_UID);
    CLEANUP(mem_freep) char *path = mem_printf("/proc/%d/ns/user", (int)pid);
    int code = EIO;
    if (read(socket, &code, sizeof(code)) != sizeof(code) || code)
        return -code;
    int r = write_file(pid, "setgroups", "deny");
    if (r == 0)
        r = write_file(pid, "uid_map", map);
    if (r == 0)
        r = write_file(pid, "gid_map", map);
    if (r == 0)
        *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return r < 0 ? r : *ret_fd < 0 ? -errno : 0;
}

int userns_open(uid_t uid, int *ret_fd, struct err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(err, errno, "Cannot create a socket");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        make_namespace(uid, ends[1]);
    }
    int r = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (r == 0)
        r = set_up(pid, uid, ends[0], ret_fd);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return r < 0 ? err_errno(err, -r, "Cannot create a user namespace") : 0;
}
