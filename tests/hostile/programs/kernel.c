/* Attacks on rarely used kernel interfaces. */

#include "hostile.h"

#include <grp.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

/* Older headers lack some of these; the numbers are the same on all architectures. */
#define NR_IO_URING_SETUP 425
#define NR_OPEN_TREE      428
#define NR_MOVE_MOUNT     429
#define NR_FSOPEN         430
#define NR_CLONE3         435
#define NR_MOUNT_SETATTR  442
#define NR_MEMFD_SECRET   447

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

struct clone3_args {
    unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

/* Runs in a child, so that nothing else happens in the new namespace if it works. */
static void deny_unshare(int flag, const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        denied(name, unshare(flag));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void deny_clone(const char *name, long pid)
{
    if (pid == 0)
        _exit(0);
    denied(name, pid);
}

static int namespaces(char **words)
{
    (void)words;
    static const struct {
        const char *name;
        int flag;
    } kinds[] = {{"user", CLONE_NEWUSER},     {"mnt", CLONE_NEWNS},   {"net", CLONE_NEWNET},
                 {"pid", CLONE_NEWPID},       {"ipc", CLONE_NEWIPC},  {"uts", CLONE_NEWUTS},
                 {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME}};
    char path[64];
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        deny_unshare(kinds[i].flag, kinds[i].name);
        deny_unshare(kinds[i].flag | CLONE_NEWUSER, kinds[i].name);
        for (int pid = 1; pid <= 2; pid++) {
            snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[i].name);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            if (fd >= 0)
                denied(path, setns(fd, 0));
        }
    }
    deny_clone("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    struct clone3_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    deny_clone("clone3", syscall(NR_CLONE3, &args, sizeof(args)));
    return 0;
}

static int mounts(char **words)
{
    (void)words;
    mkdir("here", 0700);
    DENIED(mount("none", "here", "tmpfs", 0, NULL));
    DENIED(mount("/usr", "here", NULL, MS_BIND, NULL));
    DENIED(mount("proc", "here", "proc", 0, NULL));
    DENIED(mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
    DENIED(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
    DENIED(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
    DENIED(umount2("/usr", MNT_DETACH));
    DENIED(umount2("/proc", MNT_DETACH));
    DENIED(syscall(SYS_pivot_root, ".", "here"));
    DENIED(chroot("here"));
    DENIED(syscall(NR_FSOPEN, "tmpfs", 0));
    DENIED(syscall(NR_OPEN_TREE, AT_FDCWD, "/usr", 1 /* OPEN_TREE_CLONE */));
    DENIED(syscall(NR_MOVE_MOUNT, AT_FDCWD, "/usr", AT_FDCWD, "here", 0));
    unsigned long long attr[4] = {0};
    DENIED(syscall(NR_MOUNT_SETATTR, AT_FDCWD, "/usr", 0, attr, sizeof(attr)));
    return 0;
}

static int keys(char **words)
{
    (void)words;
    DENIED(syscall(SYS_add_key, "user", "hostile", "x", 1, KEY_SPEC_USER_KEYRING));
    DENIED(syscall(SYS_request_key, "user", "hostile", NULL, KEY_SPEC_USER_KEYRING));
    DENIED(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
    DENIED(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
    DENIED(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
    return 0;
}

static int calls(char **words)
{
    (void)words;
    char params[256] = {0};
    union bpf_attr bpf = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof(perf),
                                   .config = PERF_COUNT_SW_DUMMY,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    DENIED(syscall(NR_IO_URING_SETUP, 1, params));
    DENIED(syscall(SYS_bpf, BPF_MAP_CREATE, &bpf, sizeof(bpf)));
    DENIED(syscall(SYS_perf_event_open, &perf, 0, -1, -1, 0));
    DENIED(syscall(SYS_userfaultfd, O_CLOEXEC));
    DENIED(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */));
    DENIED(syscall(SYS_open_by_handle_at, AT_FDCWD, params, O_RDONLY));
    unsigned long aio = 0;
    DENIED(syscall(SYS_io_setup, 1, &aio));
    DENIED(syscall(SYS_fanotify_init, 0x200 /* FAN_REPORT_FID */, O_RDONLY));
    DENIED(syscall(NR_MEMFD_SECRET, 0));
    DENIED(fcntl(open("/usr/bin/env", O_RDONLY | O_CLOEXEC), F_SETLEASE, F_RDLCK));
    DENIED(sethostname("hostile", 7));
    DENIED(setdomainname("hostile", 7));
    return 0;
}

/* Injects input into a terminal. The kernel uses only the low 32 bits of the request. */
static int terminal(char **words)
{
    (void)words;
    static const unsigned long requests[] = {TIOCSTI, TIOCSTI | 1UL << 32, TIOCSTI | 1UL << 63};
    int ptmx = posix_openpt(O_RDWR | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        int fd = ptmx >= 0 && grantpt(ptmx) == 0 && unlockpt(ptmx) == 0 ? open(ptsname(ptmx), O_RDWR) : -1;
        for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
            DENIED(syscall(SYS_ioctl, fd, requests[i], "x"));
            /* The error of the filter, not that of a file that is not a terminal. */
            if (syscall(SYS_ioctl, STDIN_FILENO, requests[i], "x") == 0 || errno == ENOTTY)
                reached("ioctl(TIOCSTI) %zu, past the filter", i);
        }
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return 0;
}

/* System calls by another ABI, which a filter for the native one does not cover. */
static int foreign_abi(char **words)
{
    (void)words;
#ifdef __x86_64__
    pid_t pid = fork();
    if (pid == 0) {
        long result = 20; /* getpid */
        __asm__ volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
        if (result == getpid())
            reached("a call by int 0x80");
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    pid = fork();
    if (pid == 0) {
        if (syscall(0x40000000 | SYS_getpid) == getpid())
            reached("a call by the x32 ABI");
        _exit(0);
    }
    waitpid(pid, NULL, 0);
#endif
    return 0;
}

/* ---- rights ---- */

static void deny_limit_raised(int which, const char *name)
{
    struct rlimit limit;
    if (getrlimit(which, &limit) < 0 || limit.rlim_max == RLIM_INFINITY)
        return;
    limit.rlim_max++;
    denied(name, setrlimit(which, &limit));
}

static void deny_capabilities(void)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file)) {
        static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"};
        for (size_t i = 0; i < ARRAY_LEN(sets); i++)
            if (strncmp(line, sets[i], strlen(sets[i])) == 0 &&
                strtoull(line + strlen(sets[i]), NULL, 16) != 0)
                reached("capabilities, %s", line);
        if (strncmp(line, "Seccomp:", 8) == 0 && atoi(line + 8) != 2)
            reached("no filter for system calls");
    }
    if (file)
        fclose(file);
}

static int rights(char **words)
{
    (void)words;
    struct sched_param fifo = {.sched_priority = 1};
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0)
        reached("root's ids");
    gid_t groups[64];
    int count = getgroups(ARRAY_LEN(groups), groups);
    for (int i = 0; i < count; i++)
        if (groups[i] != getgid())
            printf("group %u\n", groups[i]);
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        reached("programs with set-user-id bits");
    deny_capabilities();
    DENIED(setuid(0));
    DENIED(setresuid(0, 0, 0));
    DENIED(setgid(0));
    DENIED(setgroups(0, NULL));
    DENIED(setpriority(PRIO_PROCESS, 0, -5));
    DENIED(sched_setscheduler(0, SCHED_FIFO, &fifo));
    deny_limit_raised(RLIMIT_CORE, "RLIMIT_CORE");
    deny_limit_raised(RLIMIT_NPROC, "RLIMIT_NPROC");
    deny_limit_raised(RLIMIT_NOFILE, "RLIMIT_NOFILE");
    deny_limit_raised(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK");
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    DENIED(write(fd, "-1000", 5));
    return 0;
}

MODES({"namespaces", namespaces}, {"mounts", mounts}, {"keys", keys}, {"calls", calls},
      {"terminal", terminal}, {"foreign-abi", foreign_abi}, {"rights", rights})
