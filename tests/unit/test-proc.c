#include "base/proc.h"

#include "base/clock.h"
#include "base/fd.h"
#include "scratch.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/*
 * The children are shell scripts, which say by deeds what they have reached: they write into a
 * fifo, or send SIGUSR1, with each of which a second passes on the clock that the tests have
 * stopped. So no test depends on how fast the machine is.
 */

static volatile sig_atomic_t ticking;

static void on_tick(int signo)
{
    if (ticking)
        clock_test_freeze(clock_now_ms() + 1000);
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

/* Stands in for kill(2), so that a process can be one that does not die. */
static bool kill_is_deaf;

int kill(pid_t pid, int signo)
{
    return kill_is_deaf ? 0 : (int)syscall(SYS_kill, pid, signo);
}

/* ---- one run: what goes in, what came out ---- */

#define MEGABYTE 1048576

static struct proc_run run;
static struct strv args, env;

static void prepare(const char *script)
{
    args = (struct strv){0};
    env = (struct strv){0};
    strv_push(&args, "sh");
    strv_push(&args, "-c");
    strv_push(&args, script);
    strv_pushf(&env, "PATH=%s", getenv("PATH"));
    strv_pushf(&env, "FIFO=%s", scratch("fifo"));
    strv_pushf(&env, "TEST=%d", (int)getpid());
    run = (struct proc_run){
        .setup = {.argv = &args, .env = &env, .in_fd = -1},
        .out = {.fd = -1, .limit_bytes = MEGABYTE},
        .err = {.fd = -1, .limit_bytes = MEGABYTE},
        .grace_ms = 5000,
        .cancel_fd = -1,
    };
    unlink(scratch("fifo"));
    if (mkfifo(scratch("fifo"), 0600) < 0)
        TEST_FAIL("mkfifo: %s", strerror(errno));
}

static int count_open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Runs what was prepared; afterwards no process and no descriptor may be left. */
static void go(void)
{
    struct err e = {0};
    int before = count_open_files();
    if (proc_run(&run, &e) < 0)
        TEST_FAIL("%s", e.message);
    CHECK_INT(count_open_files(), before);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void sh(const char *script)
{
    prepare(script);
    go();
}

static void finish(void)
{
    buf_done(&run.out.buf);
    buf_done(&run.err.buf);
    strv_done(&args);
    strv_done(&env);
}

static void check_out(const char *want)
{
    CHECK_STR(run.out.buf.data, want);
}

/* The process that the script has named on its output is gone. */
static void check_gone(void)
{
    int pid = atoi(run.out.buf.data);
    CHECK(pid > 1);
    CHECK(kill(pid, 0) < 0 && errno == ESRCH);
}

/* ---- proc_spawn() ---- */

static pid_t spawn(void)
{
    pid_t pid = -1;
    struct err e = {0};
    if (proc_spawn(&run.setup, &pid, &e) < 0)
        TEST_FAIL("%s", e.message);
    return pid;
}

static int status_of(pid_t pid)
{
    int status = -1;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return status;
}

/* Runs a script by proc_spawn(), its output into the buffer. */
static void spawn_sh(const char *script)
{
    int ends[2];
    if (script)
        prepare(script);
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    run.setup.out_fd = ends[1];
    run.setup.err_fd = -1;
    pid_t pid = spawn();
    fd_close(ends[1]);
    CHECK_INT(fd_read_all(ends[0], &run.out.buf), 0);
    fd_close(ends[0]);
    CHECK_INT(status_of(pid), 0);
}

static void spawn_starts_a_child_of_ours(void)
{
    prepare("exit 7");
    run.setup.out_fd = run.setup.err_fd = -1;
    int before = count_open_files();
    int status = status_of(spawn());
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK_INT(count_open_files(), before);
    finish();
}

static void descriptors_not_given_are_dev_null(void)
{
    spawn_sh("readlink /proc/$$/fd/0 /proc/$$/fd/2; cat");
    check_out("/dev/null\n/dev/null\n");
    finish();
}

static void input_comes_from_the_descriptor_given(void)
{
    prepare("read line; echo got $line");
    run.setup.in_fd = open(scratch_file("input", "words\n", 6), O_RDONLY | O_CLOEXEC);
    spawn_sh(NULL);
    fd_close(run.setup.in_fd);
    check_out("got words\n");
    finish();
}

static void spawn_with_crossed_streams(void)
{
    prepare("echo out; echo err >&2; read line; echo in $line");
    int flags = O_RDWR | O_CREAT | O_CLOEXEC;
    close(0);
    close(1);
    close(2);
    CHECK_INT(open(scratch("crossed-err"), flags, 0600), 0);
    CHECK_INT(open(scratch("crossed-in"), flags, 0600), 1);
    CHECK_INT(open(scratch("crossed-out"), flags, 0600), 2);
    run.setup.err_fd = 0;
    run.setup.in_fd = 1;
    run.setup.out_fd = 2;
    CHECK_INT(status_of(spawn()), 0);
}

static void check_file(const char *name, const char *want)
{
    struct buf b = BUF_INIT(0);
    int fd = open(scratch(name), O_RDONLY | O_CLOEXEC);
    CHECK_INT(fd_read_all(fd, &b), 0);
    CHECK_STR(b.data, want);
    buf_done(&b);
    fd_close(fd);
}

static void streams_may_cross_the_standard_ones(void)
{
    scratch_file("crossed-in", "words\n", 6);
    CHECK(passes_in_child(spawn_with_crossed_streams));
    check_file("crossed-out", "out\nin words\n");
    check_file("crossed-err", "err\n");
}

static void spawn_without_stdio(void)
{
    prepare("exit 3");
    run.setup.out_fd = run.setup.err_fd = -1;
    close(0);
    close(1);
    close(2);
    CHECK_INT(WEXITSTATUS(status_of(spawn())), 3);
    free(args.items[0]);
    args.items[0] = mem_strdup("no-such-program");
    pid_t pid;
    CHECK_INT(proc_spawn(&run.setup, &pid, NULL), -ENOENT);
}

static void spawn_works_where_our_own_standard_streams_are_closed(void)
{
    CHECK(passes_in_child(spawn_without_stdio));
}

static void no_descriptor_is_inherited(void)
{
    prepare("exec ls /proc/self/fd");
    int leak = open("/dev/null", O_RDONLY);
    int high = fcntl(leak, F_DUPFD, 200); /* both without close-on-exec */
    CHECK(leak >= 3 && high >= 200);
    spawn_sh(NULL);
    close(leak);
    close(high);
    check_out("0\n1\n2\n3\n"); /* 3 is the directory that ls reads */
    finish();
}

static void the_environment_is_exactly_as_given(void)
{
    setenv("OURS", "must not show", 1);
    prepare("");
    strv_done(&env);
    strv_push(&env, "PATH=/usr/bin:/bin");
    strv_push(&env, "B=two words");
    strv_push(&env, "A=");
    strv_done(&args);
    strv_push(&args, "env");
    spawn_sh(NULL);
    check_out("PATH=/usr/bin:/bin\nB=two words\nA=\n");
    unsetenv("OURS");
    finish();
}

static void an_empty_environment_is_possible(void)
{
    setenv("OURS", "must not show", 1);
    prepare("");
    strv_done(&env);
    strv_done(&args);
    strv_push(&args, "env");
    spawn_sh(NULL);
    check_out("");
    unsetenv("OURS");
    finish();
}

static void without_an_environment_ours_is_passed_on(void)
{
    setenv("OURS", "shows", 1);
    prepare("echo $OURS");
    run.setup.env = NULL;
    spawn_sh(NULL);
    check_out("shows\n");
    CHECK_STR(getenv("OURS"), "shows");
    unsetenv("OURS");
    finish();
}

static void the_program_is_looked_up_in_the_childs_path(void)
{
    mkdir(scratch("bin"), 0700);
    chmod(scratch_file("bin/only-here", "#!/bin/sh\necho found $1\n", 24), 0700);
    prepare("");
    strv_done(&env);
    strv_pushf(&env, "PATH=%s", scratch("bin"));
    strv_done(&args);
    strv_push(&args, "only-here");
    strv_push(&args, "it");
    spawn_sh(NULL);
    check_out("found it\n");
    finish();
}

/* proc_spawn() gives this error, with these words in the message, and leaves nothing behind. */
static void check_not_started(int want, const char *part, const char *another_part)
{
    pid_t pid = -7;
    struct err e = {0};
    run.setup.out_fd = run.setup.err_fd = -1;
    int before = count_open_files();
    CHECK_INT(proc_spawn(&run.setup, &pid, &e), want);
    CHECK_INT(pid, -7);
    CHECK_CONTAINS(e.message, part);
    CHECK_CONTAINS(e.message, another_part);
    CHECK_INT(count_open_files(), before);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    finish();
}

static void a_program_that_is_not_found_is_an_error(void)
{
    prepare("");
    free(args.items[0]);
    args.items[0] = mem_strdup("no-such-program");
    check_not_started(-ENOENT, "no-such-program", "No such file or directory");
}

static void a_program_that_must_not_be_executed_is_an_error(void)
{
    prepare("");
    free(args.items[0]);
    args.items[0] = mem_strdup(scratch_file("no-program", "x", 1));
    check_not_started(-EACCES, scratch("no-program"), "Permission denied");
}

static void a_missing_working_directory_is_an_error_that_names_it(void)
{
    prepare("");
    run.setup.cwd = scratch("missing");
    check_not_started(-ENOENT, scratch("missing"), "sh");
}

static void the_child_starts_in_the_working_directory(void)
{
    prepare("pwd -P; readlink /proc/$PPID/cwd");
    char ours[PATH_MAX], want[2 * PATH_MAX], *theirs = realpath(scratch_dir, NULL);
    CHECK(getcwd(ours, sizeof(ours)) != NULL);
    snprintf(want, sizeof(want), "%s\n%s\n", theirs, ours);
    free(theirs);
    run.setup.cwd = scratch_dir;
    spawn_sh(NULL);
    check_out(want);
    finish();
}

static void signals_are_as_a_program_expects_them(void)
{
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    spawn_sh("exec grep -E '^Sig(Blk|Ign)' /proc/self/status");
    signal(SIGPIPE, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    check_out("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    finish();
}

static void check_group(bool new_group)
{
    prepare("read pid name state ppid group rest < /proc/$$/stat; echo $(( group == pid ))");
    run.setup.new_group = new_group;
    spawn_sh(NULL);
    check_out(new_group ? "1\n" : "0\n");
    finish();
}

static void a_process_group_of_its_own_must_be_asked_for(void)
{
    check_group(false);
    check_group(true);
}

static int report_fd;

static void die_with_a_child(void)
{
    prepare("sleep 30");
    run.setup.out_fd = run.setup.err_fd = -1;
    run.setup.death_signal = SIGKILL;
    pid_t pid = spawn();
    fd_write_all(report_fd, &pid, sizeof(pid));
    syscall(SYS_kill, getpid(), SIGKILL);
}

static void the_child_gets_the_death_signal_when_we_die(void)
{
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    report_fd = ends[1];
    pid_t ours = start_child(die_with_a_child, false), orphan = -1;
    CHECK_INT(read(ends[0], &orphan, sizeof(orphan)), sizeof(orphan));
    CHECK_INT(WTERMSIG(status_of(ours)), SIGKILL);
    int status = status_of(orphan); /* we are its subreaper */
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fd_close(ends[0]);
    fd_close(ends[1]);
    CHECK_INT(proc_kill_descendants(5000, NULL), 0);
}

static void files_cannot_grow_past_the_limit(void)
{
    prepare("exec head -c 100000 /dev/zero > large");
    run.setup.cwd = scratch_dir;
    run.setup.file_size_bytes = 4096;
    run.setup.out_fd = run.setup.err_fd = -1;
    int status = status_of(spawn());
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    struct stat st;
    CHECK_INT(stat(scratch("large"), &st), 0);
    CHECK_INT(st.st_size, 4096);
    finish();
}

/* ---- the little ones ---- */

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

static void become_subreaper_makes_us_one(void)
{
    int is_one = 0;
    CHECK_INT(proc_become_subreaper(NULL), 0);
    CHECK_INT(prctl(PR_GET_CHILD_SUBREAPER, &is_one, 0L, 0L, 0L), 0);
    CHECK_INT(is_one, 1);
}

static void the_end_is_told_in_words(void)
{
    char text[64];
    proc_describe_end(&(struct proc_run){.exited = true, .status = 3}, text, sizeof(text));
    CHECK_STR(text, "exit status 3");
    proc_describe_end(&(struct proc_run){.signal = SIGKILL}, text, sizeof(text));
    CHECK_STR(text, "signal 9 (Killed)");
    char small[8];
    proc_describe_end(&(struct proc_run){.signal = SIGKILL}, small, sizeof(small));
    CHECK_STR(small, "signal ");
}

static void kill_of_no_descendants_is_zero(void)
{
    CHECK_INT(proc_kill_descendants(5000, NULL), 0);
}

static void kill_takes_descendants_of_all_kinds(void)
{
    prepare("trap '' TERM HUP INT; setsid sh -c 'sleep 1000 & echo $! > $FIFO; wait' &"
            "read pid < $FIFO; echo $pid; exec >&-; wait");
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    run.setup.out_fd = ends[1];
    run.setup.err_fd = -1;
    spawn();
    close(ends[1]);
    CHECK(fd_read_some(ends[0], &run.out.buf, 100) > 0); /* all are there now */
    close(ends[0]);
    CHECK_INT(proc_kill_descendants(5000, NULL), 3);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    check_gone();
    finish();
}

static void kill_gives_up_on_what_does_not_die(void)
{
    prepare("exec sleep 1000");
    run.setup.out_fd = run.setup.err_fd = -1;
    pid_t pid = spawn();
    struct err e = {0};
    kill_is_deaf = true;
    int r = proc_kill_descendants(5, &e);
    kill_is_deaf = false;
    CHECK_INT(r, -ETIMEDOUT);
    CHECK_INT(e.class, ERR_INTERNAL);
    CHECK_INT(waitpid(pid, NULL, WNOHANG), 0);
    CHECK_INT(proc_kill_descendants(5000, NULL), 1);
    finish();
}

/* ---- proc_run(): the end of the child ---- */

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

/* ---- output ---- */

static void both_streams_are_kept_apart(void)
{
    sh("echo one; echo two >&2; echo three; cat");
    check_out("one\nthree\n");
    CHECK_STR(run.err.buf.data, "two\n");
    CHECK_INT(run.out.kept_bytes, 10);
    CHECK_INT(run.out.dropped_bytes, 0);
    CHECK_INT(run.err.kept_bytes, 4);
    finish();
}

static void no_output_is_an_empty_buffer(void)
{
    sh(":");
    CHECK_INT(run.out.buf.len, 0);
    CHECK_INT(run.out.kept_bytes + run.out.dropped_bytes, 0);
    finish();
}

static void binary_output_comes_unchanged(void)
{
    enum { LEN = 300000 };
    static char data[LEN];
    for (size_t i = 0; i < LEN; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    prepare("cat \"$FILE\"; cat \"$FILE\" >&2");
    strv_pushf(&env, "FILE=%s", scratch_file("binary", data, LEN));
    go();
    CHECK_INT(run.out.buf.len, LEN);
    CHECK_INT(run.err.buf.len, LEN);
    CHECK(memcmp(run.out.buf.data, data, LEN) == 0);
    CHECK(memcmp(run.err.buf.data, data, LEN) == 0);
    finish();
}

static void what_passes_the_limit_is_drained_and_counted(void)
{
    sh("head -c 104857600 /dev/zero; echo all >&2");
    CHECK(run.exited && run.status == 0);
    CHECK_INT(run.out.kept_bytes, MEGABYTE);
    CHECK_INT(run.out.buf.len, MEGABYTE);
    CHECK_INT(run.out.dropped_bytes, 104857600 - MEGABYTE);
    CHECK_STR(run.err.buf.data, "all\n");
    finish();
}

static void both_streams_are_drained_at_the_same_time(void)
{
    sh("head -c 20000000 /dev/zero & head -c 10000000 /dev/zero >&2; wait");
    CHECK_INT(run.out.kept_bytes + run.out.dropped_bytes, 20000000);
    CHECK_INT(run.err.kept_bytes + run.err.dropped_bytes, 10000000);
    finish();
}

static void check_limit(uint64_t limit, const char *want_kept)
{
    prepare("printf 0123456789");
    run.out.limit_bytes = limit;
    go();
    CHECK_INT(run.out.kept_bytes, strlen(want_kept));
    CHECK_INT(run.out.dropped_bytes, 10 - strlen(want_kept));
    CHECK_INT(run.out.buf.len, strlen(want_kept));
    if (run.out.buf.len)
        check_out(want_kept);
    finish();
}

static void the_limit_is_exact(void)
{
    check_limit(0, "");
    check_limit(9, "012345678");
    check_limit(10, "0123456789");
    check_limit(11, "0123456789");
}

static void output_can_go_into_a_file(void)
{
    prepare("printf 'to the file'; echo err >&2");
    run.out.fd = open(scratch("sink"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    run.out.limit_bytes = 6;
    go();
    fd_close(run.out.fd);
    check_file("sink", "to the");
    CHECK_INT(run.out.kept_bytes, 6);
    CHECK_INT(run.out.dropped_bytes, 5);
    CHECK_INT(run.out.buf.len, 0);
    CHECK_STR(run.err.buf.data, "err\n");
    finish();
}

static void a_full_disk_does_not_stop_the_child(void)
{
    prepare("head -c 500000 /dev/zero; exit 4");
    run.out.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    go();
    fd_close(run.out.fd);
    CHECK_INT(run.status, 4);
    CHECK_INT(run.out.kept_bytes, 0);
    CHECK_INT(run.out.dropped_bytes, 500000);
    finish();
}

static void closed_streams_do_not_end_the_run(void)
{
    sh("exec >&- 2>&-; read never < /dev/null; exit 5");
    CHECK_INT(run.status, 5);
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
    CHECK_INT(run.setup.argv->len, 3);
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
    prepare("trap 'echo tidy; exit 9' TERM; while :; do kill -USR1 $TEST; done");
    run.timeout_ms = 5000;
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
    prepare("trap '' TERM; while :; do kill -USR1 $TEST; done");
    run.timeout_ms = 10000;
    run.grace_ms = 20000;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && !run.exited && run.signal == SIGKILL);
    CHECK(run.wall_ms >= 30000);
    finish();
}

static void without_grace_time_the_child_is_killed_at_once(void)
{
    prepare("trap '' TERM; while :; do kill -USR1 $TEST; done");
    run.timeout_ms = 5000;
    run.grace_ms = 0;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && run.signal == SIGKILL);
    finish();
}

static void a_stopped_child_is_ended(void)
{
    prepare("main=$$; (trap '' TERM; kill -STOP $main; while :; do kill -USR1 $TEST; done) & wait");
    run.timeout_ms = 5000;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && run.signal == SIGKILL);
    CHECK_INT(run.leftovers, 1);
    finish();
}

static void sigterm_reaches_all_that_the_child_started(void)
{
    prepare("trap : TERM; setsid sh -c 'trap \"echo got it; exit\" TERM; while :; do kill -USR1 $TEST; done';"
            "exit 4");
    run.timeout_ms = 5000;
    run.grace_ms = 100000000;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.timed_out && run.exited && run.status == 4);
    check_out("got it\n");
    finish();
}

static void endless_output_does_not_outrun_the_clock(void)
{
    prepare("exec cat /dev/zero");
    run.timeout_ms = 50;
    go();
    CHECK(run.timed_out && run.signal == SIGTERM);
    CHECK_INT(run.out.kept_bytes, MEGABYTE);
    finish();
}

static void endless_output_into_a_file_does_not_outrun_the_clock(void)
{
    prepare("trap '' TERM; exec cat /dev/zero");
    run.out.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    run.out.limit_bytes = UINT64_MAX;
    run.timeout_ms = 50;
    run.grace_ms = 50;
    go();
    fd_close(run.out.fd);
    CHECK(run.timed_out);
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
    prepare("trap '' TERM; echo now > $FIFO; while :; do kill -USR1 $TEST; done");
    run.cancel_fd = open(scratch("fifo"), O_RDWR | O_CLOEXEC);
    run.timeout_ms = 1000000000;
    run.grace_ms = 3000;
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

/* The grandchild's number is what the script prints; FIFO tells the script that it is ready. */

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
    sh("setsid sh -c \"sh -c 'cd /; exec < /dev/null > /dev/null 2>&1; echo \\$\\$ > $FIFO; exec sleep 1000' & exit\";"
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

static void what_is_left_after_a_timeout_is_gone(void)
{
    prepare("setsid sh -c 'trap \"\" TERM; echo $$ > $FIFO; while :; do kill -USR1 $TEST; done' &"
            "read pid < $FIFO; echo $pid; wait");
    run.timeout_ms = 5000;
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
            "kill -USR1 $TEST; exec sleep 1000; }; bomb 5");
    run.timeout_ms = 63000; /* a tick of each: but some can fall together, therefore: */
    run.grace_ms = 50;
    run.timeout_ms = 20000;
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
    prepare("x=$(head -c 30000000 /dev/zero | tr '\\0' x); setsid sleep 1000 & sleep 1000 &"
            "while :; do kill -USR1 $TEST; done");
    run.sample_ms = 1000;
    run.timeout_ms = 30000;
    start_ticking();
    go();
    stop_ticking();
    CHECK(run.samples >= 2);
    CHECK(run.peak.rss_bytes > 30000000);
    CHECK(run.peak.rss_bytes < 300000000);
    CHECK(run.peak.processes >= 3 && run.peak.processes <= 6);
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

int main(void)
{
    static const struct test always[] = {
        TEST(become_subreaper_makes_us_one), /* first: the others rely on it */
        TEST(spawn_starts_a_child_of_ours),
        TEST(descriptors_not_given_are_dev_null),
        TEST(input_comes_from_the_descriptor_given),
        TEST(streams_may_cross_the_standard_ones),
        TEST(spawn_works_where_our_own_standard_streams_are_closed),
        TEST(no_descriptor_is_inherited),
        TEST(the_environment_is_exactly_as_given),
        TEST(an_empty_environment_is_possible),
        TEST(without_an_environment_ours_is_passed_on),
        TEST(the_program_is_looked_up_in_the_childs_path),
        TEST(a_program_that_is_not_found_is_an_error),
        TEST(a_program_that_must_not_be_executed_is_an_error),
        TEST(a_missing_working_directory_is_an_error_that_names_it),
        TEST(the_child_starts_in_the_working_directory),
        TEST(signals_are_as_a_program_expects_them),
        TEST(a_process_group_of_its_own_must_be_asked_for),
        TEST(the_child_gets_the_death_signal_when_we_die),
        TEST(files_cannot_grow_past_the_limit),
        TEST(the_end_is_told_in_words),
        TEST(kill_of_no_descendants_is_zero),
        TEST(kill_takes_descendants_of_all_kinds),
        TEST(kill_gives_up_on_what_does_not_die),
        TEST(run_of_a_missing_program_is_an_error),
    };
    static const struct test all[] = {
        TEST(pidfd_of_a_process_is_close_on_exec),
        TEST(pidfd_of_no_process_is_an_error),
        TEST(the_exit_status_is_told),
        TEST(the_signal_is_told),
        TEST(times_are_measured),
        TEST(the_time_of_waited_for_children_counts),
        TEST(the_child_has_a_group_and_the_death_signal),
        TEST(both_streams_are_kept_apart),
        TEST(no_output_is_an_empty_buffer),
        TEST(binary_output_comes_unchanged),
        TEST(what_passes_the_limit_is_drained_and_counted),
        TEST(both_streams_are_drained_at_the_same_time),
        TEST(the_limit_is_exact),
        TEST(output_can_go_into_a_file),
        TEST(a_full_disk_does_not_stop_the_child),
        TEST(closed_streams_do_not_end_the_run),
        TEST(a_child_past_its_time_gets_sigterm),
        TEST(a_child_within_its_time_is_left_alone),
        TEST(without_a_limit_time_does_not_matter),
        TEST(after_sigterm_the_child_may_tidy_up),
        TEST(a_child_that_ignores_sigterm_is_killed_after_the_grace_time),
        TEST(without_grace_time_the_child_is_killed_at_once),
        TEST(a_stopped_child_is_ended),
        TEST(sigterm_reaches_all_that_the_child_started),
        TEST(endless_output_does_not_outrun_the_clock),
        TEST(endless_output_into_a_file_does_not_outrun_the_clock),
        TEST(a_run_is_cancelled_when_the_descriptor_becomes_readable),
        TEST(a_cancelled_child_that_ignores_sigterm_is_killed),
        TEST(a_descriptor_that_stays_silent_cancels_nothing),
        TEST(a_grandchild_that_ignores_all_and_holds_the_pipe_is_gone),
        TEST(a_daemon_by_double_fork_is_gone),
        TEST(a_stopped_grandchild_is_gone),
        TEST(what_is_left_after_a_timeout_is_gone),
        TEST(output_of_a_grandchild_before_its_end_is_kept),
        TEST(a_fork_bomb_that_stays_ends),
        TEST(a_chain_of_processes_that_runs_away_ends),
        TEST(samples_tell_memory_and_processes_of_the_whole_tree),
        TEST(the_first_sample_is_taken_at_once),
    };
    /* placeholder */
    (void)all;
    return test_main(always, ARRAY_LEN(always));
}
