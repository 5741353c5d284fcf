#include "sandbox/seccomp.h"

#include "base/mem.h"
#include "scratch.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

/* Loads the filter in this process; for a child. */
static void load(void)
{
    static struct sock_filter filter[4096];
    int fd = -1;
    CHECK_INT(seccomp_open_filter(&fd, NULL), 0);
    ssize_t n = read(fd, filter, sizeof(filter));
    CHECK(n > 0 && n < (ssize_t)sizeof(filter) && n % (ssize_t)sizeof(filter[0]) == 0);
    close(fd);
    struct sock_fprog program = {(unsigned short)((size_t)n / sizeof(filter[0])), filter};
    CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L), 0);
    CHECK_INT(prctl(PR_SET_SECCOMP, (unsigned long)SECCOMP_MODE_FILTER, &program, 0L, 0L), 0);
}

/*
 * Returns the error of a call. Its arguments are invalid, so that it does nothing if it is allowed.
 */
static int error_of(long number)
{
    errno = 0;
    return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) < 0 ? errno : 0;
}

#define REFUSED(name) \
    { \
        SYS_##name, #name \
    }

static void refused_calls(void)
{
    static const struct {
        long number;
        const char *name;
    } calls[] = {
        REFUSED(add_key),
        REFUSED(keyctl),
        REFUSED(request_key),
        REFUSED(io_uring_setup),
        REFUSED(io_uring_enter),
        REFUSED(io_uring_register),
        REFUSED(bpf),
        REFUSED(userfaultfd),
        REFUSED(setns),
        REFUSED(perf_event_open),
        REFUSED(kexec_load),
        REFUSED(kexec_file_load),
        REFUSED(init_module),
        REFUSED(finit_module),
        REFUSED(delete_module),
        REFUSED(open_by_handle_at),
        REFUSED(quotactl),
        REFUSED(pidfd_getfd),
        REFUSED(syslog),
        REFUSED(io_setup),
        REFUSED(fanotify_init),
        REFUSED(memfd_secret),
    };
    load();
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (error_of(calls[i].number) != EPERM)
            TEST_FAIL("%s gives %s", calls[i].name, strerror(errno));
}

static void what_reaches_past_the_sandbox_is_refused(void)
{
    CHECK(passes_in_child(refused_calls));
    if (geteuid() == 0)
        CHECK(child_passed(start_child(refused_calls, true)));
}

static void slowing(void)
{
    struct sched_param param = {0};
    struct rlimit limit = {100, 100};
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    load();
    CHECK(sched_setscheduler(1, SCHED_BATCH, &param) < 0 && errno == EPERM);
    CHECK(sched_setaffinity(1, sizeof(cpus), &cpus) < 0 && errno == EPERM);
    CHECK(setpriority(PRIO_PROCESS, 1, 19) < 0 && errno == EPERM);
    CHECK(setpriority(PRIO_PGRP, 0, 19) < 0 && errno == EPERM);
    CHECK(setpriority(PRIO_USER, 0, 19) < 0 && errno == EPERM);
    CHECK(prlimit(1, RLIMIT_NOFILE, &limit, NULL) < 0 && errno == EPERM);
    CHECK_INT(setpriority(PRIO_PROCESS, 0, 19), 0);
    CHECK_INT(sched_setscheduler(0, SCHED_BATCH, &param), 0);
    CHECK_INT(prlimit(0, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* Pid 1 exists on every machine; as root or not, it is the filter that refuses. */
static void nobody_slows_pid_1(void)
{
    CHECK(passes_in_child(slowing));
}

static void leases(void)
{
    int fd = open(make_file("leased", ""), O_RDONLY | O_CLOEXEC);
    int dir = open(scratch("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    load();
    CHECK(fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EPERM);
    CHECK(fcntl(dir, F_NOTIFY, DN_CREATE) < 0 && errno == EPERM);
    CHECK(syscall(SYS_fcntl, (long)fd, 0x700000000 | F_SETLEASE, (long)F_WRLCK) < 0 && errno == EPERM);
    CHECK_INT(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
    CHECK_INT(fcntl(fd, F_GETLEASE), F_UNLCK);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    CHECK_INT(fcntl(fd, F_SETLK, &lock), 0);
}

static void nobody_stops_others_with_a_lease(void)
{
    CHECK(passes_in_child(leases));
}

static void sockets(void)
{
    load();
    CHECK(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EPERM);
    CHECK(socket(AF_VSOCK, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 && errno == EPERM);
    CHECK(socket(AF_ALG, SOCK_SEQPACKET, 0) < 0 && errno == EPERM);
    CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    CHECK(socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno == EAFNOSUPPORT);
    CHECK(socket(AF_UNIX, SOCK_DGRAM, 0) >= 0);
    CHECK(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
    int ends[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void some_kinds_of_sockets_are_refused(void)
{
    CHECK(passes_in_child(sockets));
}

static long wide(unsigned long low)
{
    return (long)(low | 0x700000000);
}

static void wide_arguments(void)
{
    load();
    CHECK(syscall(SYS_ioctl, 0L, wide(TIOCSTI), "x") < 0 && errno == EPERM);
    CHECK(syscall(SYS_ioctl, 0L, wide(0x541c), "x") < 0 && errno == EPERM); /* TIOCLINUX */
    CHECK(syscall(SYS_socket, wide(AF_VSOCK), SOCK_STREAM, 0L) < 0 && errno == EPERM);
}

static void higher_bits_hide_nothing(void)
{
    CHECK(passes_in_child(wide_arguments));
}

static void terminals(void)
{
    char window[64];
    load();
    CHECK(ioctl(0, TIOCSTI, "x") < 0 && errno == EPERM);
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(ioctl(fd, TIOCGWINSZ, window) < 0 && errno == ENOTTY);
    CHECK(ioctl(fd, TCGETS, window) < 0 && errno == ENOTTY);
}

static void nothing_can_be_typed_into_a_terminal(void)
{
    CHECK(passes_in_child(terminals));
}

static void namespaces(void)
{
    load();
    CHECK(unshare(CLONE_NEWUSER) < 0 && errno == EPERM);
    CHECK(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0 && errno == EPERM);
    CHECK(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0L, 0L, 0L, 0L) < 0 && errno == EPERM);
    CHECK_INT(unshare(CLONE_FILES), 0);
    CHECK_INT(error_of(SYS_clone3), ENOSYS);
}

static void no_new_user_namespaces(void)
{
    CHECK(passes_in_child(namespaces));
}

static void ordinary_work(void)
{
    load();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_INT(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
        raise(SIGSTOP);
        _exit(7);
    }
    int status;
    CHECK_INT(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status));
    char ours = 'a', theirs = 0;
    struct iovec local = {&theirs, 1}, remote = {&ours, 1};
    CHECK_INT(process_vm_readv(pid, &local, 1, &remote, 1, 0), 1);
    CHECK_INT(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(WEXITSTATUS(status), 7);
    CHECK(memfd_create("x", 0) >= 0);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
          MAP_FAILED);
    execlp("sh", "sh", "-c", "sh -c 'exit 5' & wait $!; exit $?", (char *)NULL);
}

static void all_else_works_ptrace_too(void)
{
    pid_t pid = start_child(ordinary_work, false);
    int status;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 5);
}

#ifdef __x86_64__
static long call_of_32_bits(long number)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(0L), "c"(0L), "d"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void foreign_calls(void)
{
    load();
    CHECK(syscall(0x40000000L + SYS_getpid) < 0 && errno == ENOSYS); /* x32 */
    signal(SIGSEGV, SIG_DFL);                                        /* a kernel without x32 is fine too */
    CHECK_INT((int)call_of_32_bits(20), -ENOSYS);                    /* getpid */
    CHECK_INT((int)call_of_32_bits(120), -ENOSYS);                   /* clone */
}

static void calls_of_other_abis_do_not_exist(void)
{
    pid_t pid = start_child(foreign_calls, false);
    int status;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSEGV : WEXITSTATUS(status) == 0);
}
#endif

static void the_filter_is_a_file_of_its_own(void)
{
    int before = count_open_files(), fd = -1;
    CHECK_INT(seccomp_open_filter(&fd, NULL), 0);
    CHECK_INT(count_open_files(), before + 1);
    CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), 0);
    CHECK(lseek(fd, 0, SEEK_END) > 0);
    close(fd);
}

TEST_MAIN(TEST(what_reaches_past_the_sandbox_is_refused), TEST(some_kinds_of_sockets_are_refused),
          TEST(nobody_slows_pid_1), TEST(nobody_stops_others_with_a_lease), TEST(higher_bits_hide_nothing),
          TEST(nothing_can_be_typed_into_a_terminal), TEST(no_new_user_namespaces),
          TEST(all_else_works_ptrace_too),
#ifdef __x86_64__
          TEST(calls_of_other_abis_do_not_exist),
#endif
          TEST(the_filter_is_a_file_of_its_own))
