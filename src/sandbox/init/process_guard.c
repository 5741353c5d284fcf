#include "sandbox/init/process_guard.h"

#include "base/mem.h"
#include "base/pid_status.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Deeper than any tree of processes that the limits allow. */
#define MAX_ANCESTORS 4096

#define FIELD(name)       (offsetof(struct seccomp_data, name))
#define LOAD(offset)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define IF_EQUAL(k, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (t), (f))
#define RETURN(value)     BPF_STMT(BPF_RET | BPF_K, (value))

/* The low half of an argument: the kernel ignores the high half of a request. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW(argument) (FIELD(args) + 8 * (argument))
#else
#define LOW(argument) (FIELD(args) + 8 * (argument) + 4)
#endif

/* Notifies about one system call unless the process in its argument is 0, the caller. */
#define ASK_UNLESS_ZERO(call, argument) \
    LOAD(FIELD(nr)), IF_EQUAL(call, 0, 4), LOAD(LOW(argument)), IF_EQUAL(0, 0, 1), \
        RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_USER_NOTIF)

/*
 * The filter loaded before (sandbox/seccomp.c) refuses system calls of other ABIs, and the groups
 * and users of setpriority(2) and ioprio_set(2).
 */
int process_guard_start(int *ret_fd, struct err *err)
{
    struct sock_filter code[] = {
        ASK_UNLESS_ZERO(__NR_sched_setscheduler, 0),
        ASK_UNLESS_ZERO(__NR_sched_setparam, 0),
        ASK_UNLESS_ZERO(__NR_sched_setattr, 0),
        ASK_UNLESS_ZERO(__NR_sched_setaffinity, 0),
        ASK_UNLESS_ZERO(__NR_prlimit64, 0),
        ASK_UNLESS_ZERO(__NR_setpriority, 1),
        ASK_UNLESS_ZERO(__NR_ioprio_set, 1),
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
        return err_errno(err, errno, "Cannot guard processes from each other");
    *ret_fd = (int)fd;
    return 0;
}

static bool descends(struct pid_status status, pid_t from)
{
    int r = 0;
    for (int depth = 0; r == 0 && status.ppid > 1 && depth < MAX_ANCESTORS; depth++) {
        if (status.ppid == from)
            return true;
        r = pid_status_read(status.ppid, &status);
    }
    return false;
}

/* kcmp(2) is refused for the suite's Python processes: their threads have the same thread group. */
static bool is_below(pid_t caller, pid_t target)
{
    struct pid_status from, to;
    if (target <= 1 || pid_status_read(caller, &from) < 0 || pid_status_read(target, &to) < 0)
        return false;
    return from.tgid == to.tgid || descends(to, from.tgid) ||
           syscall(SYS_kcmp, caller, target, KCMP_VM, 0, 0) == 0;
}

static bool is_allowed(const struct seccomp_notif *question)
{
    const struct seccomp_data *call = &question->data;
    bool is_second = call->nr == __NR_ptrace || call->nr == __NR_setpriority || call->nr == __NR_ioprio_set;
    if (call->nr == __NR_prlimit64 && !call->args[2]) /* only reads the limits */
        return true;
    return is_below((pid_t)question->pid, (pid_t)call->args[is_second ? 1 : 0]);
}

/* The question is withdrawn if its process is killed; the calls then fail. */
void process_guard_answer(int fd)
{
    struct seccomp_notif question = {0};
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
        return;
    struct seccomp_notif_resp answer = {.id = question.id};
    if (is_allowed(&question))
        answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        answer.error = -EPERM;
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}
