#include "sandbox/init/ptrace_guard.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A deeper tree of processes than any limit allows. */
#define MAX_ANCESTORS 4096

#define FIELD(name)       (offsetof(struct seccomp_data, name))
#define LOAD(offset)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define IF_EQUAL(k, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (t), (f))
#define RETURN(value)     BPF_STMT(BPF_RET | BPF_K, (value))

/* The low half of an argument: the kernel looks at no more of a request. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW(argument) (FIELD(args) + 8 * (argument))
#else
#define LOW(argument) (FIELD(args) + 8 * (argument) + 4)
#endif

/* System calls of other ABIs are refused by the filter that was loaded before (sandbox/seccomp.c). */
int ptrace_guard_start(int *ret_fd, struct err *err)
{
    struct sock_filter code[] = {
        LOAD(FIELD(nr)),
        IF_EQUAL(__NR_ptrace, 0, 3),
        LOAD(LOW(0)),
        IF_EQUAL(PTRACE_ATTACH, 2, 0),
        IF_EQUAL(PTRACE_SEIZE, 1, 0),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_USER_NOTIF),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (fd < 0)
        return err_errno(err, errno, "Cannot guard ptrace");
    *ret_fd = (int)fd;
    return 0;
}

/* A number of /proc/<tid>/status; 0: there is none, or the thread is gone. */
static pid_t read_status(pid_t tid, const char *key)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    const char *line = strstr(text, key); /* the name of a process has no newline in this file */
    return line ? (pid_t)strtol(line + strlen(key), NULL, 10) : 0;
}

static bool descends(pid_t tid, pid_t from)
{
    pid_t pid = read_status(tid, "\nTgid:");
    for (int depth = 0; pid > 1 && depth < MAX_ANCESTORS; depth++) {
        pid = read_status(pid, "\nPPid:");
        if (pid == from)
            return true;
    }
    return false;
}

static bool may_attach(pid_t caller, pid_t target)
{
    pid_t tracer = read_status(caller, "\nTgid:");
    if (!tracer || target <= 1)
        return false;
    return descends(target, tracer) || syscall(SYS_kcmp, caller, target, KCMP_VM, 0, 0) == 0;
}

/* The question may be withdrawn at any time: its process has been killed. */
void ptrace_guard_answer(int fd)
{
    struct seccomp_notif question = {0};
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
        return;
    struct seccomp_notif_resp answer = {.id = question.id};
    if (may_attach((pid_t)question.pid, (pid_t)question.data.args[1]))
        answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        answer.error = -EPERM;
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}
