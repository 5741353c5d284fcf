/* Attacks with processes, threads and signals. */

#include "hostile.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

/* Far more than any limit in these tests; a bomb that gets this far stops. */
#define BOMB_MAX 3000

static pid_t parent_of(pid_t pid)
{
    char path[64];
    int ppid = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%*d (%*[^)]) %*c %d", &ppid) != 1)
        ppid = 0;
    if (file)
        fclose(file);
    return ppid;
}

/* ---- bombs ---- */

/* Every process forks forever, and none waits for another. */
static int bomb(bool in_sessions)
{
    atomic_int *count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (count == MAP_FAILED)
        return 2;
    while (*count < BOMB_MAX) {
        if (fork() != 0)
            continue;
        alarm(LAST_RESORT_S);
        if (in_sessions)
            setsid();
        if (++*count == BOMB_MAX)
            reached("%d processes", BOMB_MAX);
    }
    return 0;
}

static int fork_bomb(char **words)
{
    (void)words;
    return bomb(false);
}

static int session_bomb(char **words)
{
    (void)words;
    return bomb(true);
}

static void *wait_for_ever(void *data)
{
    for (;;)
        pause();
    return data;
}

static int thread_bomb(char **words)
{
    (void)words;
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    for (int i = 0; i < BOMB_MAX; i++)
        if (pthread_create(&thread, &attr, wait_for_ever, NULL) != 0)
            return 0;
    reached("%d threads", BOMB_MAX);
    return 0;
}

/* Not an attack if pid 1 reaps: each grandchild becomes its child and exits. */
static int orphans(char **words)
{
    (void)words;
    for (int i = 0; i < 400; i++) {
        pid_t pid;
        while ((pid = fork()) < 0 && errno == EAGAIN)
            usleep(1000); /* pid 1 is reaping; if not, the suite's timeout ends this */
        if (pid == 0) {
            fork();
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    return 0;
}

/* ---- daemons ---- */

/* Starts a daemon that calls `work` and stays. Returns after `work` is done. */
static int daemon_that(void (*work)(void))
{
    int pipe_fds[2];
    char byte;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return 2;
    if (fork() == 0) {
        setsid();
        if (fork() != 0)
            _exit(0);
        for (int i = 1; i < SIGRTMAX; i++)
            if (i != SIGALRM)
                signal(i, SIG_IGN);
        alarm(LAST_RESORT_S);
        work();
        for (int i = 0; i < 3; i++)
            close(i);
        close(pipe_fds[1]);
        wait_for_ever(NULL);
    }
    close(pipe_fds[1]);
    return read(pipe_fds[0], &byte, 1) == 0 ? 0 : 2;
}

static void nothing(void)
{
}

static int daemon_mode(char **words)
{
    (void)words;
    return daemon_that(nothing);
}

/* Keeps the outputs of the test run open. */
static void hold_outputs(void)
{
    char path[64];
    for (pid_t pid = getpid(); pid > 0; pid = parent_of(pid))
        for (int fd = 1; fd <= 2; fd++) {
            snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
            open(path, O_WRONLY | O_NONBLOCK);
        }
}

static int daemon_holding(char **words)
{
    (void)words;
    hold_outputs(); /* here, since the daemon's parent is not the test run */
    return daemon_that(nothing);
}

static int ignore_all(char **words)
{
    (void)words;
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    sigprocmask(SIG_BLOCK, &all, NULL);
    wait_for_ever(NULL);
    return 0;
}

static int busy(char **words)
{
    (void)words;
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            alarm(LAST_RESORT_S);
            break;
        }
    for (volatile unsigned i = 0; i < UINT_MAX; i = (i + 1) % 1000)
        ;
    return 0;
}

/* ---- signals and tracing ---- */

/* WORD: pytest, parent (of pytest), init, all. */
static pid_t target(const char *name)
{
    if (strcmp(name, "pytest") == 0)
        return getppid();
    if (strcmp(name, "parent") == 0)
        return parent_of(getppid());
    return strcmp(name, "init") == 0 ? 1 : -1;
}

static int send_to(const char *name, int signal_number)
{
    kill(target(name), signal_number);
    return 0;
}

static int kill_mode(char **words)
{
    return send_to(words[0], SIGKILL);
}

static int stop_mode(char **words)
{
    return send_to(words[0], SIGSTOP);
}

/* Pid 1 receives only signals for which it has a handler. */
static int signal_init(char **words)
{
    (void)words;
    for (int i = 1; i <= SIGRTMAX; i++)
        kill(1, i);
    return 0;
}

/* The test run and its parents cannot be traced or read, and their descriptors cannot be taken. */
static int trace(char **words)
{
    pid_t pid = target(words[0]);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    denied(path, open(path, O_RDWR));
    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    denied(path, open(path, O_RDONLY));
    int pidfd = (int)syscall(434 /* pidfd_open */, pid, 0);
    for (int fd = 0; fd < 64; fd++)
        DENIED(syscall(438 /* pidfd_getfd */, pidfd, fd, 0));
    DENIED(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
    DENIED(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    return 0;
}

/* WORD: whose limits. The kernel alone would allow this for any process of the same user. */
static int limit(char **words)
{
    static const int limits[] = {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_CPU};
    struct rlimit none = {0, 0};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        DENIED(prlimit(target(words[0]), (__rlimit_resource_t)limits[i], &none, NULL));
    return 0;
}

/* Debuggers and LeakSanitizer work on own processes. */
static int trace_own(char **words)
{
    (void)words;
    pid_t pid = fork();
    if (pid == 0)
        wait_for_ever(NULL);
    ALLOWED(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
    kill(pid, SIGKILL);
    return 0;
}

/* A crash leaves no core, neither in a file nor for a program of the host. */
static int core(char **words)
{
    (void)words;
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        abort();
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        return 2;
    if (WCOREDUMP(status))
        reached("a core dump");
    return 0;
}

MODES({"fork-bomb", fork_bomb}, {"session-bomb", session_bomb}, {"thread-bomb", thread_bomb},
      {"orphans", orphans}, {"daemon", daemon_mode}, {"daemon-holding", daemon_holding},
      {"ignore-all", ignore_all}, {"busy", busy}, {"kill", kill_mode}, {"stop", stop_mode},
      {"signal-init", signal_init}, {"trace", trace}, {"limit", limit}, {"trace-own", trace_own},
      {"core", core})
