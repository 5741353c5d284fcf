#include "sandbox/seccomp.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Refused with EPERM. An old libseccomp does not know the newest ones, which is no error. */
static const char *const refused[] = {
    "add_key",
    "keyctl",
    "request_key",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "bpf",
    "userfaultfd",
    "setns",
    "perf_event_open",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "open_by_handle_at",
    "quotactl",
    "quotactl_fd",
    "lookup_dcookie",
    "pidfd_getfd",
    "process_vm_writev",
    "syslog",
    "io_setup", /* can take the machine's whole fs.aio-max-nr in two calls */
    "fanotify_init",
    "memfd_secret", /* memory that is neither accounted nor swapped */
};

/* The kernel looks at the lower 32 bits only: higher ones must not hide a command. */
#define LOW_BITS 0xffffffffu

/* Calls that are refused with certain arguments only. */
static const struct partly {
    const char *name;
    struct scmp_arg_cmp arg;
} partly[] = {
    {"socket", {0, SCMP_CMP_MASKED_EQ, LOW_BITS, AF_VSOCK}},
    {"socket", {0, SCMP_CMP_MASKED_EQ, LOW_BITS, AF_ALG}},
    {"ioctl", {1, SCMP_CMP_MASKED_EQ, LOW_BITS, TIOCSTI}},
    {"ioctl", {1, SCMP_CMP_MASKED_EQ, LOW_BITS, TIOCLINUX}},
    /* On a file that other tasks read, a lease blocks them, and a notification reveals accesses. */
    {"fcntl", {1, SCMP_CMP_MASKED_EQ, LOW_BITS, F_SETLEASE}},
    {"fcntl", {1, SCMP_CMP_MASKED_EQ, LOW_BITS, F_NOTIFY}},
    /* Pid 1 runs as the same user: it must not be slowed down or lose its limits. */
    {"sched_setaffinity", {0, SCMP_CMP_MASKED_EQ, LOW_BITS, 1}},
    {"sched_setscheduler", {0, SCMP_CMP_MASKED_EQ, LOW_BITS, 1}},
    {"sched_setparam", {0, SCMP_CMP_MASKED_EQ, LOW_BITS, 1}},
    {"sched_setattr", {0, SCMP_CMP_MASKED_EQ, LOW_BITS, 1}},
    {"ioprio_set", {1, SCMP_CMP_MASKED_EQ, LOW_BITS, 1}},
    {"ioprio_set", {0, SCMP_CMP_NE, IOPRIO_WHO_PROCESS, 0}},
    {"setpriority", {1, SCMP_CMP_MASKED_EQ, LOW_BITS, 1}},
    {"setpriority", {0, SCMP_CMP_NE, PRIO_PROCESS, 0}},
    {"prlimit64", {0, SCMP_CMP_MASKED_EQ, LOW_BITS, 1}},
    {"clone", {0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER}},
    {"unshare", {0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER}},
};

/*
 * Succeed without any effect: these calls only concern the host's disks and caches, which other
 * tasks share. All that a task can write is in memory.
 */
static const char *const ignored[] = {"sync", "syncfs", "fsync", "fdatasync", "sync_file_range"};
static const struct scmp_arg_cmp drop_cache = {3, SCMP_CMP_MASKED_EQ, LOW_BITS, POSIX_FADV_DONTNEED};

/* Its arguments are in memory, where a filter cannot see them. Without it, libc uses clone(2). */
#define UNSEEN_CLONE "clone3"

/* With an error of 0, the call succeeds without any effect. */
static int refuse(scmp_filter_ctx filter, const char *name, int error)
{
    int number = seccomp_syscall_resolve_name(name);
    return number == __NR_SCMP_ERROR ? 0
                                     : seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), number, 0);
}

static int add_rules(scmp_filter_ctx filter)
{
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(refused); i++)
        r = refuse(filter, refused[i], EPERM);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(ignored); i++)
        r = refuse(filter, ignored[i], 0);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(0), SCMP_SYS(fadvise64), 1, drop_cache);
    if (r == 0)
        r = refuse(filter, UNSEEN_CLONE, ENOSYS);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(partly); i++)
        r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM),
                                   seccomp_syscall_resolve_name(partly[i].name), 1, &partly[i].arg);
    return r;
}

int seccomp_open_filter(int *ret_fd, struct err *err)
{
    CLEANUP(fd_closep) int fd = memfd_create("seccomp", MFD_CLOEXEC);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r = fd < 0 ? -errno : filter ? add_rules(filter) : -ENOMEM;
    if (r == 0)
        r = seccomp_export_bpf(filter, fd);
    if (filter)
        seccomp_release(filter);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r < 0)
        return err_errno(err, -r, "Cannot create the system call filter");
    *ret_fd = fd;
    fd = -1;
    return 0;
}
