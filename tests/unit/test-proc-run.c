#include "base/proc.h"

#include "base/fd.h"
#include "script.h"

#include <poll.h>
#include <sys/syscall.h>

/*
 * The children are shell scripts that report their progress: they write into a fifo, or send
 * SIGUSR1; each advances the frozen clock by a millisecond. So no test depends on the speed of the
 * machine.
 */

#define TICK_ON "while kill -USR1 $TEST; do i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; done"

static volatile sig_atomic_t ticking;

static void on_tick(int signo)
{
    if (ticking)
        clock_test_freeze(clock_now_ms() + 1);
}

static void start_ticking(void)
{
    struct sigaction action = {.sa_handler = on_tick}; /* without SA_RESTART */
    sigaction(SIGUSR1, &action, NULL);
    clock_test_freeze(1000000);
    ticking = 1;
}

static void stop_ticking(void)
{
    ticking = 0;
    clock_test_freeze(-1);
}

/* Replaces read(2), so that a child can write faster than we read: there is always more. */
static bool writer_is_faster;

ssize_t read(int fd, void *data, size_t len)
{
    ssize_t n;
    do {
        n = syscall(SYS_read, fd, data, len);
    } while (n < 0 && errno == EAGAIN && writer_is_faster &&
             poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1) == 1);
    return n;
}

/* ---- the end of the child ---- */

static void the_exit_status_is_told(void)
{
    sh("exit 0");
    CHECK(run.exited && run.status == 0 && run.signal == 0);
    finish();
    sh("exit 3");
    CHECK(run.exited && run.status == 3 && run.signal == 0);
    CHECK(!run.timed_out && !run.cancelled);
    CHECK_INT(run.leftovers, 0);
    CHECK_INT(run.samples, 0);
    finish();
}

static void the_signal_is_told(void)
{
    sh("kill -SEGV $$");
    CHECK(!run.exited && run.signal == SIGSEGV && run.status == 0);
    CHECK(!run.timed_out && !run.cancelled);
    finish();
}

static void run_of_a_missing_program_is_an_error(void)
{
    prepare("");
    free(args.items[0]);
    args.items[0] = mem_strdup("no-such-program");
    struct err e = {0};
    int before = count_open_files();
    CHECK_INT(proc_run(&run, &e), -ENOENT);
    CHECK_CONTAINS(e.message, "no-such-program");
    CHECK_INT(count_open_files(), before);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    finish();
}

static void times_are_measured(void)
{
    sh("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    CHECK(run.cpu_ms > 0);
    CHECK(run.wall_ms > 0);
    finish();
}

static void the_time_of_waited_for_children_counts(void)
{
    sh("sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; exit 0");
    CHECK(run.cpu_ms > 20);
    finish();
}

static void the_child_has_a_group_and_the_death_signal(void)
{
    sh("read pid name state ppid group rest < /proc/$$/stat; echo $(( group == pid ))");
    check_out("1\n");
    CHECK_INT(run.setup.death_signal, SIGKILL);
    finish();
}

/* ---- limits of time ---- */

static void a_child_past_its_time_gets_sigterm(void)
{
    prepare("exec sleep 1000");
    run.timeout_ms = 30;
    go();
    CHECK(run.timed_out && !run.cancelled);
    CHECK(!run.exited && run.signal == SIGTERM);
    CHECK(run.wall_ms >= 30);
    finish();
}

static void a_child_within_its_time_is_left_alone(void)
{
    prepare("exit 2");
    run.timeout_ms = 60000;
    go();
    CHECK(!run.timed_out && run.exited && run.status == 2);
    finish();
}

static void without_a_limit_time_does_not_matter(void)
{
    prepare("i=0; while [ $i -lt 50 ]; do kill -USR1 $TEST; i=$((i+1)); done; exit 2");
    start_ticking();
    go();
    stop_ticking();
    CHECK(!run.timed_out && run.exited && run.status == 2);
    finish();
}

static void after_sigterm_the_child_may_tidy_up(void)
{
    prepare("trap 'echo tidy; exit 9' TERM; " TICK_ON);
    run.timeout_ms = 5;
    run.grace_ms = 100000000;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && run.exited && run.status == 9);
    check_out("tidy\n");
    finish();
}

static void a_child_that_ignores_sigterm_is_killed_after_the_grace_time(void)
{
    prepare("trap '' TERM; " TICK_ON);
    run.timeout_ms = 10;
    run.grace_ms = 20;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && !run.exited && run.signal == SIGKILL);
    CHECK(run.wall_ms >= 30);
    finish();
}

static void without_grace_time_the_child_is_killed_at_once(void)
{
    prepare("trap '' TERM; " TICK_ON);
    run.timeout_ms = 5;
    run.grace_ms = 0;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && run.signal == SIGKILL);
    finish();
}

static void a_stopped_child_is_ended(void)
{
    prepare("main=$$; (trap '' TERM; kill -STOP $main; state=;"
            "until [ \"$state\" = T ]; do read pid name state rest < /proc/$main/stat; done; " TICK_ON
            ") & wait");
    run.timeout_ms = 5;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && run.signal == SIGKILL);
    CHECK_INT(run.leftovers, 1);
    finish();
}

static void sigterm_reaches_all_that_the_child_started(void)
{
    prepare("trap : TERM; setsid sh -c 'trap \"echo got it; exit\" TERM; " TICK_ON "';"
            "exit 4");
    run.timeout_ms = 5;
    run.grace_ms = 100000000;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && run.exited && run.status == 4);
    check_out("got it\n");
    finish();
}

static void check_endless_output(int fd)
{
    prepare("exec cat /dev/zero");
    run.out.fd = fd;
    run.timeout_ms = 50;
    writer_is_faster = true;
    go();
    writer_is_faster = false;
    CHECK(run.timed_out && run.signal == SIGTERM);
    CHECK_INT(run.out.kept_bytes, MEGABYTE);
    fd_close(fd);
    finish();
}

static void endless_output_does_not_outrun_the_clock(void)
{
    check_endless_output(-1);
    check_endless_output(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static void a_child_may_be_ended_when_its_output_passes_the_limit(void)
{
    prepare("exec cat /dev/zero");
    run.end_at_limit = true;
    go();
    CHECK(!run.timed_out && !run.cancelled && !run.exited && run.signal == SIGTERM);
    CHECK_INT(run.out.kept_bytes, MEGABYTE);
    CHECK(run.out.dropped_bytes > 0);
    finish();
}

static void output_within_the_limit_ends_no_child(void)
{
    prepare("head -c 1048576 /dev/zero; head -c 2000000 /dev/zero >&2; exit 3");
    run.end_at_limit = true;
    go();
    CHECK(run.exited && run.status == 3);
    CHECK_INT(run.out.dropped_bytes, 0);
    CHECK_INT(run.err.dropped_bytes, 2000000 - MEGABYTE);
    finish();
}

static void a_child_past_its_limit_that_ignores_sigterm_is_killed_after_the_grace_time(void)
{
    prepare("trap '' TERM; head -c 2000000 /dev/zero; (while echo more; do sleep 0.001; done) & " TICK_ON);
    run.end_at_limit = true;
    run.grace_ms = 500;
    start_ticking();
    go();
    stop_ticking();
    CHECK(!run.timed_out && run.signal == SIGKILL);
    CHECK(run.wall_ms >= 500);
    finish();
}

/* ---- cancelling ---- */

static void a_run_is_cancelled_when_the_descriptor_becomes_readable(void)
{
    prepare("echo now > $FIFO; exec sleep 1000");
    run.cancel_fd = open(scratch("fifo"), O_RDWR | O_CLOEXEC);
    int cancel_fd = run.cancel_fd;
    go();
    CHECK(run.cancelled && !run.timed_out && run.signal == SIGTERM);
    CHECK_INT(run.cancel_fd, cancel_fd);
    fd_close(cancel_fd);
    finish();
}

static void a_cancelled_child_that_ignores_sigterm_is_killed(void)
{
    prepare("trap '' TERM; echo now > $FIFO; " TICK_ON);
    run.cancel_fd = open(scratch("fifo"), O_RDWR | O_CLOEXEC);
    run.timeout_ms = 1000000000;
    run.grace_ms = 500; /* must not start again while the descriptor stays readable */
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.cancelled && !run.timed_out && run.signal == SIGKILL);
    fd_close(run.cancel_fd);
    finish();
}

static void a_descriptor_that_stays_silent_cancels_nothing(void)
{
    prepare("exit 6");
    run.cancel_fd = open(scratch("fifo"), O_RDWR | O_CLOEXEC);
    go();
    CHECK(!run.cancelled && run.exited && run.status == 6);
    fd_close(run.cancel_fd);
    finish();
}

/* ---- nothing is left behind ---- */

/* The script prints the grandchild's pid; FIFO tells it that the grandchild is ready. */

static void a_grandchild_that_ignores_all_and_holds_the_pipe_is_gone(void)
{
    sh("setsid sh -c 'trap \"\" TERM HUP INT QUIT PIPE; echo $$ > $FIFO; while :; do sleep 1000; done' &"
       "read pid < $FIFO; echo $pid; exit 3");
    CHECK(run.exited && run.status == 3);
    CHECK(run.leftovers >= 1 && run.leftovers <= 2);
    check_gone();
    finish();
}

static void a_daemon_by_double_fork_is_gone(void)
{
    sh("setsid sh -c \"sh -c 'cd /; exec < /dev/null > /dev/null 2>&1; echo \\$\\$ > $FIFO; exec sleep 1000' "
       "& exit\";"
       "read pid < $FIFO; echo $pid");
    CHECK(run.exited && run.status == 0);
    CHECK_INT(run.leftovers, 1);
    check_gone();
    finish();
}

static void a_stopped_grandchild_is_gone(void)
{
    sh("sh -c 'echo $$ > $FIFO; kill -STOP $$; exec sleep 1000' & read pid < $FIFO; echo $pid");
    CHECK_INT(run.leftovers, 1);
    check_gone();
    finish();
}

static void another_child_of_ours_can_be_kept(void)
{
    prepare("exec sleep 1000");
    run.setup.out_fd = run.setup.err_fd = -1;
    pid_t other = -1;
    CHECK_INT(proc_spawn(&run.setup, &other, NULL), 0);
    finish();
    prepare("sh -c 'echo $$ > $FIFO; exec sleep 1000' & read pid < $FIFO; echo $pid");
    run.keep = other;
    CHECK_INT(proc_run(&run, NULL), 0);
    CHECK_INT(run.leftovers, 1);
    check_gone();
    CHECK_INT(waitpid(other, NULL, WNOHANG), 0);
    CHECK_INT(proc_kill_descendants(NULL, 0, 5000, NULL), 1);
    finish();
}

static void what_is_left_after_a_timeout_is_gone(void)
{
    prepare("setsid sh -c 'trap \"\" TERM; echo $$ > $FIFO; read go < $FIFO; " TICK_ON "' &"
            "read pid < $FIFO; echo $pid; echo go > $FIFO; wait");
    run.timeout_ms = 5;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && run.signal == SIGTERM);
    CHECK_INT(run.leftovers, 1);
    check_gone();
    finish();
}

static void output_of_a_grandchild_before_its_end_is_kept(void)
{
    sh("(setsid sh -c 'head -c 60000 /dev/zero; echo ready > $FIFO; exec sleep 1000') & read x < $FIFO");
    CHECK_INT(run.out.kept_bytes, 60000);
    finish();
}

static void a_fork_bomb_that_stays_ends(void)
{
    prepare("trap '' TERM; bomb() { if [ $1 -gt 0 ]; then bomb $(($1-1)) & bomb $(($1-1)) & fi;"
            "[ $1 = 6 ] || exec sleep 1000; " TICK_ON "; }; bomb 6");
    run.timeout_ms = 50;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out);
    finish();
}

static void a_chain_of_processes_that_runs_away_ends(void)
{
    sh("trap '' TERM; away() { [ $1 -gt 0 ] || return; away $(($1-1)) & }; away 1500");
    CHECK(run.exited);
    finish();
}

/* ---- samples ---- */

static void samples_tell_memory_and_processes_of_the_whole_tree(void)
{
    prepare("x=$(head -c 30000000 /dev/zero | tr '\\0' x); setsid sleep 1000 & sleep 1000 &" TICK_ON);
    run.sample_ms = 1;
    run.timeout_ms = 30;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.samples >= 2);
    CHECK(run.peak.rss_bytes > 30000000);
    CHECK(run.peak.rss_bytes < 300000000);
    CHECK(run.peak.processes >= 3 && run.peak.processes <= 6);
    finish();
}

static void take_sample(const struct proc_sample *now, void *data)
{
    struct proc_sample *peak = data;
    peak->rss_bytes = MAX(peak->rss_bytes, now->rss_bytes);
}

static void each_sample_is_told_to_who_wants_it(void)
{
    struct proc_sample peak = {0};
    prepare("sleep 1000 &" TICK_ON);
    run.sample_ms = 1;
    run.timeout_ms = 30;
    run.on_sample = take_sample;
    run.sample_data = &peak;
    start_ticking();
    go();
    stop_ticking();
    CHECK(peak.rss_bytes > 0);
    CHECK_INT(peak.rss_bytes, run.peak.rss_bytes);
    finish();
}

static void the_first_sample_is_taken_at_once(void)
{
    prepare("exit 0");
    run.sample_ms = 3600000;
    go();
    CHECK_INT(run.samples, 1);
    CHECK_INT(run.peak.processes, 1);
    finish();
}

static void pidfd_of_a_process_is_close_on_exec(void)
{
    int fd = proc_open_pidfd(getpid());
    CHECK(fd >= 0);
    CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
}

static void leave(void)
{
}

static void pidfd_of_no_process_is_an_error(void)
{
    pid_t pid = start_child(leave, false);
    CHECK(child_passed(pid));
    CHECK_INT(proc_open_pidfd(pid), -ESRCH);
}

SCRIPT_TEST_MAIN(
    TEST(the_exit_status_is_told), TEST(each_sample_is_told_to_who_wants_it), TEST(the_signal_is_told),
    TEST(run_of_a_missing_program_is_an_error), TEST(times_are_measured),
    TEST(the_time_of_waited_for_children_counts), TEST(the_child_has_a_group_and_the_death_signal),
    TEST(a_child_past_its_time_gets_sigterm), TEST(a_child_within_its_time_is_left_alone),
    TEST(without_a_limit_time_does_not_matter), TEST(after_sigterm_the_child_may_tidy_up),
    TEST(a_child_that_ignores_sigterm_is_killed_after_the_grace_time),
    TEST(without_grace_time_the_child_is_killed_at_once), TEST(a_stopped_child_is_ended),
    TEST(sigterm_reaches_all_that_the_child_started), TEST(endless_output_does_not_outrun_the_clock),

    TEST(a_child_may_be_ended_when_its_output_passes_the_limit), TEST(output_within_the_limit_ends_no_child),
    TEST(a_child_past_its_limit_that_ignores_sigterm_is_killed_after_the_grace_time),
    TEST(a_run_is_cancelled_when_the_descriptor_becomes_readable),
    TEST(a_cancelled_child_that_ignores_sigterm_is_killed),
    TEST(a_descriptor_that_stays_silent_cancels_nothing),
    TEST(a_grandchild_that_ignores_all_and_holds_the_pipe_is_gone), TEST(a_daemon_by_double_fork_is_gone),
    TEST(a_stopped_grandchild_is_gone), TEST(another_child_of_ours_can_be_kept),
    TEST(what_is_left_after_a_timeout_is_gone), TEST(output_of_a_grandchild_before_its_end_is_kept),
    TEST(a_fork_bomb_that_stays_ends), TEST(a_chain_of_processes_that_runs_away_ends),
    TEST(samples_tell_memory_and_processes_of_the_whole_tree), TEST(the_first_sample_is_taken_at_once),
    TEST(pidfd_of_a_process_is_close_on_exec), TEST(pidfd_of_no_process_is_an_error))
