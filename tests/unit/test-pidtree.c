#include "base/pidtree.h"

#include "base/fd.h"
#include "scratch.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Replaces kill(2) to record the order: all must be stopped before the first is killed. */
static unsigned stops, stops_at_first_kill, kills;

int kill(pid_t pid, int signo)
{
    stops += signo == SIGSTOP;
    if (signo == SIGKILL && kills++ == 0)
        stops_at_first_kill = stops;
    return (int)syscall(SYS_kill, pid, signo);
}

/* All processes of a test report through this pipe that they run, or what signal they got. */
static int told[2];

static void open_told(void)
{
    if (pipe2(told, O_CLOEXEC) < 0)
        TEST_FAIL("pipe2: %s", strerror(errno));
}

static void close_told(void)
{
    fd_close(told[0]);
    fd_close(told[1]);
}

static void tell(char letter)
{
    fd_write_all(told[1], &letter, 1);
}

static void wait_for_letters(int count)
{
    char letter;
    for (int i = 0; i < count; i++)
        CHECK_INT(read(told[0], &letter, 1), 1);
}

static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Returns the state letter of proc(5), or 'X' if there is no such process. */
static char state_of(pid_t pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 'X';
    if (!fgets(line, sizeof(line), f))
        line[0] = '\0';
    fclose(f);
    const char *end = strrchr(line, ')');
    return end ? end[2] : 'X';
}

/* ---- processes to look at ---- */

static void idle(void)
{
    alarm(100); /* bounded, in case the test dies */
    tell('i');
    for (;;)
        pause();
}

static void idle_in_a_session(void)
{
    setsid();
    idle();
}

/* Waits for SIGUSR1, then reports. The signal was blocked before the process was started. */
static void tell_signal(void)
{
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    tell('r');
    int signo;
    sigwait(&usr1, &signo);
    tell('s');
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

static void tell_signal_in_a_session(void)
{
    setsid();
    start_child(tell_signal, false);
    tell_signal();
}

static void tell_signal_as_grandparent(void)
{
    start_child(tell_signal_in_a_session, false);
    tell_signal();
}

static void signal_reaches_the_process_and_all_below(void)
{
    open_told();
    sigset_t usr1, old;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, &old);
    pid_t root = start_child(tell_signal_as_grandparent, false);
    wait_for_letters(3);
    pidtree_signal(root, SIGUSR1);
    wait_for_letters(3);
    CHECK(child_passed(root));
    sigpending(&usr1);
    CHECK(!sigismember(&usr1, SIGUSR1)); /* not to us */
    sigprocmask(SIG_SETMASK, &old, NULL);
    close_told();
}

static void signal_spares_the_siblings(void)
{
    open_told();
    pid_t one = start_child(idle, false), other = start_child(idle, false);
    wait_for_letters(2);
    pidtree_signal(one, SIGKILL);
    CHECK_INT(waitpid(one, NULL, 0), one);
    CHECK_INT(waitpid(other, NULL, WNOHANG), 0);
    end_child(other);
    close_told();
}

/* Has three descendants: a child, one in its own session, and a child of that. */
static void parent_of_a_session(void)
{
    setsid();
    start_child(idle, false);
    idle();
}

static void parent_of_three(void)
{
    start_child(idle, false);
    start_child(parent_of_a_session, false);
    idle();
}

static void kill_ends_all_below_but_not_the_process(void)
{
    open_told();
    prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    pid_t root = start_child(parent_of_three, false);
    wait_for_letters(4);
    CHECK_INT(pidtree_kill(root), 3);
    CHECK_INT(waitpid(root, NULL, WNOHANG), 0);
    CHECK_INT(waitpid(-1, NULL, 0) > 0, 1); /* the orphan is reparented to us */
    CHECK(!strchr("XZ", state_of(root)));
    while (pidtree_kill(root) > 0)
        ;
    end_child(root);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    prctl(PR_SET_CHILD_SUBREAPER, 0L, 0L, 0L, 0L);
    close_told();
}

static void leave(void)
{
}

static void parent_of_one_and_a_zombie(void)
{
    pid_t zombie = start_child(leave, false);
    siginfo_t info;
    waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT);
    start_child(idle_in_a_session, false);
    idle();
}

static void kill_stops_all_before_it_kills_one(void)
{
    open_told();
    prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    pid_t root = start_child(parent_of_three, false);
    wait_for_letters(4);
    stops = kills = stops_at_first_kill = 0;
    CHECK_INT(pidtree_kill(root), 3);
    CHECK(kills == 3 && stops_at_first_kill >= 3 && stops == stops_at_first_kill);
    end_child(root);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    prctl(PR_SET_CHILD_SUBREAPER, 0L, 0L, 0L, 0L);
    close_told();
}

static void kill_counts_no_zombies(void)
{
    open_told();
    pid_t root = start_child(parent_of_one_and_a_zombie, false);
    wait_for_letters(2);
    CHECK_INT(pidtree_kill(root), 1);
    end_child(root);
    close_told();
}

static void kill_of_nothing_is_zero(void)
{
    open_told();
    pid_t root = start_child(idle, false);
    wait_for_letters(1);
    CHECK_INT(pidtree_kill(root), 0);
    CHECK_INT(waitpid(root, NULL, WNOHANG), 0);
    end_child(root);
    CHECK_INT(pidtree_kill(root), 0); /* nor a process with this number */
    close_told();
}

static void idle_stopped(void)
{
    raise(SIGSTOP);
    idle();
}

static void parent_of_a_stopped_one(void)
{
    pid_t pid = start_child(idle_stopped, false);
    waitpid(pid, NULL, WUNTRACED);
    idle();
}

static void kill_ends_a_stopped_process(void)
{
    open_told();
    pid_t root = start_child(parent_of_a_stopped_one, false);
    wait_for_letters(1);
    CHECK_INT(pidtree_kill(root), 1);
    end_child(root);
    close_told();
}

static void idle_with_a_nasty_name(void)
{
    prctl(PR_SET_NAME, "a) Z 1 (b");
    idle();
}

static void parent_of_a_nasty_name(void)
{
    start_child(idle_with_a_nasty_name, false);
    idle();
}

static void a_process_cannot_hide_behind_its_name(void)
{
    open_told();
    pid_t root = start_child(parent_of_a_nasty_name, false);
    wait_for_letters(2);
    CHECK_INT(pidtree_kill(root), 1);
    end_child(root);
    close_told();
}

static void *start_idle_child(void *arg)
{
    start_child(idle, false);
    tell('t');
    for (;;)
        pause();
    return NULL;
}

static void parent_by_a_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, start_idle_child, NULL);
    idle();
}

static void children_of_other_threads_are_found(void)
{
    open_told();
    pid_t root = start_child(parent_by_a_thread, false);
    wait_for_letters(3);
    uint64_t rss;
    unsigned processes;
    pidtree_usage(root, &rss, &processes);
    CHECK_INT(processes, 2);
    CHECK_INT(pidtree_kill(root), 1);
    end_child(root);
    close_told();
}

enum { MANY = 40 };

static void parent_of_many(void)
{
    for (int i = 0; i < MANY; i++)
        start_child(idle, false);
    idle();
}

static void many_processes_are_found(void)
{
    open_told();
    pid_t root = start_child(parent_of_many, false);
    wait_for_letters(MANY + 1);
    uint64_t rss;
    unsigned processes;
    pidtree_usage(root, &rss, &processes);
    CHECK_INT(processes, MANY + 1);
    CHECK_INT(pidtree_kill(root), MANY);
    end_child(root);
    close_told();
}

/* Starts new processes, up to a thousand; each one stays. */
static void fork_on_and_on(void)
{
    for (int i = 0; i < 1000; i++) {
        start_child(idle, false);
        if (i == 10)
            tell('f');
    }
    idle();
}

static void parent_of_a_forker(void)
{
    start_child(fork_on_and_on, false);
    idle();
}

/* A fork that has begun before SIGSTOP still completes: hence a second round, as in proc.c. */
static void none_escapes_while_it_forks(void)
{
    open_told();
    fcntl(told[1], F_SETPIPE_SZ, 1 << 16);
    prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    pid_t root = start_child(parent_of_a_forker, false), pid;
    wait_for_letters(12);
    CHECK(pidtree_kill(root) > 0);
    end_child(root);
    alarm(20); /* bounds the wait for one that survived */
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0)
        if (pid == 0)
            pidtree_kill(getpid());
    alarm(0);
    prctl(PR_SET_CHILD_SUBREAPER, 0L, 0L, 0L, 0L);
    close_told();
}

static void children_are_only_the_next_below(void)
{
    open_told();
    pid_t root = start_child(parent_of_three, false), *pids = NULL;
    wait_for_letters(4);
    CHECK_INT(pidtree_children(root, &pids), 2);
    CHECK(pids[0] != pids[1]);
    for (int i = 0; i < 2; i++)
        CHECK(!strchr("XZ", state_of(pids[i])));
    free(pids);
    pids = NULL;
    pidtree_kill(root);
    end_child(root);
    CHECK_INT(pidtree_children(root, &pids), 0);
    free(pids);
    close_told();
}

enum { LARGE = 40 << 20 };

static void idle_large(void)
{
    char *memory = mem_alloc(LARGE);
    memset(memory, 'x', LARGE);
    idle();
}

static void parent_of_a_large_one(void)
{
    start_child(idle_large, false);
    idle();
}

static void usage_adds_up_the_memory_of_all(void)
{
    open_told();
    pid_t small = start_child(idle, false), root = start_child(parent_of_a_large_one, false);
    wait_for_letters(3);
    uint64_t rss_small = 0, rss = 0;
    unsigned processes = 0;
    pidtree_usage(small, &rss_small, &processes);
    CHECK_INT(processes, 1);
    CHECK(rss_small > 0);
    pidtree_usage(root, &rss, &processes);
    CHECK_INT(processes, 2);
    CHECK(rss > LARGE);
    CHECK(rss > rss_small + LARGE / 2);
    pidtree_kill(root);
    end_child(root);
    end_child(small);
    close_told();
}

static void parent_of_some_that_share(void)
{
    char *memory = mem_alloc(LARGE);
    memset(memory, 'x', LARGE);
    for (int i = 0; i < 3; i++)
        start_child(idle, false);
    idle();
}

static void memory_that_is_shared_counts_once_where_we_look_exactly(void)
{
    open_told();
    pid_t root = start_child(parent_of_some_that_share, false);
    wait_for_letters(4);
    uint64_t rss = 0;
    unsigned processes = 0;
    pidtree_usage(root, &rss, &processes);
    uint64_t exact = pidtree_exact_bytes(root);
    CHECK_INT(processes, 4);
    CHECK(rss > 4 * (uint64_t)LARGE);
    CHECK(exact > LARGE && exact < 2 * (uint64_t)LARGE);
    pidtree_kill(root);
    end_child(root);
    close_told();
}

static void memory_that_is_not_shared_counts_all(void)
{
    open_told();
    pid_t first = start_child(idle_large, false), second = start_child(parent_of_a_large_one, false);
    wait_for_letters(3);
    CHECK(pidtree_exact_bytes(first) > LARGE);
    CHECK(pidtree_exact_bytes(second) > LARGE);
    pidtree_kill(second);
    end_child(second);
    end_child(first);
    close_told();
}

static void usage_of_a_process_that_has_gone_is_nothing(void)
{
    pid_t pid = start_child(leave, false);
    waitpid(pid, NULL, 0);
    uint64_t rss = 1;
    unsigned processes = 7;
    pidtree_usage(pid, &rss, &processes);
    CHECK_INT(rss, 0);
    CHECK_INT(pidtree_exact_bytes(pid), 0);
    CHECK(processes <= 1);
}

TEST_MAIN(TEST(signal_reaches_the_process_and_all_below), TEST(signal_spares_the_siblings),
          TEST(kill_ends_all_below_but_not_the_process), TEST(kill_stops_all_before_it_kills_one),
          TEST(kill_counts_no_zombies), TEST(kill_of_nothing_is_zero), TEST(kill_ends_a_stopped_process),
          TEST(a_process_cannot_hide_behind_its_name), TEST(children_of_other_threads_are_found),
          TEST(many_processes_are_found), TEST(none_escapes_while_it_forks),
          TEST(children_are_only_the_next_below), TEST(usage_adds_up_the_memory_of_all),
          TEST(memory_that_is_shared_counts_once_where_we_look_exactly),
          TEST(memory_that_is_not_shared_counts_all), TEST(usage_of_a_process_that_has_gone_is_nothing))
