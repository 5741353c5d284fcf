#include "base/proc.h"

#include "base/fd.h"
#include "script.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

/* Replaces kill(2), so that a process can survive SIGKILL. */
static bool kill_is_deaf;

int kill(pid_t pid, int signo)
{
    return kill_is_deaf ? 0 : (int)syscall(SYS_kill, pid, signo);
}

static void become_subreaper_makes_us_one(void)
{
    int is_one = 0;
    CHECK_INT(proc_become_subreaper(NULL), 0);
    CHECK_INT(prctl(PR_GET_CHILD_SUBREAPER, &is_one, 0L, 0L, 0L), 0);
    CHECK_INT(is_one, 1);
}

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

/* Runs a script with proc_spawn(), with its output in the buffer. */
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

static void piped_output_never_blocks_us_but_the_child(void)
{
    prepare("read line; sed -n 's/^flags://p' /proc/self/fdinfo/1 >&2");
    int ends[2], fd = -1;
    char byte;
    pid_t pid = -1;
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    run.setup.in_fd = ends[0];
    CHECK_INT(proc_spawn_piped(&run.setup, &pid, &fd, NULL), 0);
    CHECK(read(fd, &byte, 1) < 0 && errno == EAGAIN);
    fd_close(ends[0]);
    fd_close(ends[1]);
    CHECK_INT(status_of(pid), 0);
    CHECK_INT(fd_read_all(fd, &run.out.buf), 0);
    fd_close(fd);
    CHECK(run.out.buf.len && !(strtol(run.out.buf.data, NULL, 8) & O_NONBLOCK));
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

static void streams_may_cross_the_standard_ones(void)
{
    scratch_file("crossed-in", "words\n", 6);
    CHECK(passes_in_child(spawn_with_crossed_streams));
    check_content(scratch("crossed-out"), "out\nin words\n", strlen("out\nin words\n"));
    check_content(scratch("crossed-err"), "err\n", strlen("err\n"));
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

static void one_more_descriptor_can_be_inherited(void)
{
    prepare("exec ls /proc/self/fd");
    int low = open(scratch_file("extra", "words", 5), O_RDONLY | O_CLOEXEC);
    int given = fcntl(low, F_DUPFD_CLOEXEC, 57), other = fcntl(low, F_DUPFD, 100);
    close(low);
    CHECK_INT(given, 57);
    run.setup.keep_fds = &given;
    run.setup.keep_fds_len = 1;
    spawn_sh(NULL);
    check_out("0\n1\n2\n3\n57\n");
    CHECK_INT(fcntl(given, F_GETFD), FD_CLOEXEC); /* ours is unchanged */
    finish();
    prepare("cat /proc/self/fd/57");
    run.setup.keep_fds = &given;
    run.setup.keep_fds_len = 1;
    spawn_sh(NULL);
    check_out("words");
    close(given);
    close(other);
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

/* Checks that proc_spawn() returns this error with this message, and leaves nothing behind. */
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
    CHECK_INT(proc_spawn_piped(&run.setup, &pid, &(int){-1}, NULL), want);
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
    /*
     * libc's signals 32 and 33 are ignored in processes that posix_spawn() started (make does), and
     * signal() does not change them.
     */
    spawn_sh("grep -E '^Sig(Blk|Ign)' /proc/self/status | sed 's/[01][08]0000000$/000000000/'");
    signal(SIGPIPE, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    check_out("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    finish();
}

static void check_session(bool new_session)
{
    prepare("read pid name state ppid group session rest < /proc/$$/stat;"
            "echo $(( group == pid )) $(( session == pid ))");
    run.setup.new_session = new_session;
    spawn_sh(NULL);
    check_out(new_session ? "1 1\n" : "0 0\n");
    finish();
}

static void a_session_of_its_own_must_be_asked_for(void)
{
    check_session(false);
    check_session(true);
}

static int report_fd;

static void die_with_a_child(void)
{
    prepare("exec sleep 30");
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
    CHECK_INT(proc_kill_descendants(NULL, 0, 5000, NULL), 0);
}

static void files_cannot_grow_past_the_limit(void)
{
    prepare("exec head -c 100000 /dev/zero > large");
    run.setup.cwd = scratch_dir;
    run.setup.file_size_bytes = 4096;
    run.setup.out_fd = run.setup.err_fd = -1;
    int status = status_of(spawn());
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 0); /* the write fails without a signal */
    struct stat st;
    CHECK_INT(stat(scratch("large"), &st), 0);
    CHECK_INT(st.st_size, 4096);
    finish();
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
    CHECK_INT(proc_kill_descendants(NULL, 0, 5000, NULL), 0);
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
    CHECK(fd_read_some(ends[0], &run.out.buf, 100) > 0); /* all have started */
    close(ends[0]);
    CHECK_INT(proc_kill_descendants(NULL, 0, 5000, NULL), 3);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    check_gone();
    finish();
}

/* Starts a script that starts a process; both sleep. Returns the pid of the latter. */
static pid_t spawn_two_sleepers(pid_t *ret_pid)
{
    prepare("sleep 1000 & echo $! > $FIFO; wait");
    run.setup.out_fd = run.setup.err_fd = -1;
    *ret_pid = spawn();
    char text[32] = "";
    int fd = open(scratch("fifo"), O_RDONLY | O_CLOEXEC);
    CHECK(read(fd, text, sizeof(text) - 1) > 0);
    fd_close(fd);
    finish();
    return atoi(text);
}

static bool is_running(pid_t pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool is_read = fgets(line, sizeof(line), f) != NULL;
    fclose(f);
    return is_read && !strstr(line, ") Z");
}

static void kill_spares_the_children_to_keep_and_what_is_below_them(void)
{
    pid_t pids[3], below[3];
    for (int i = 0; i < 3; i++)
        below[i] = spawn_two_sleepers(&pids[i]);
    CHECK_INT(proc_kill_descendants((pid_t[]){pids[2], pids[0]}, 2, 5000, NULL), 2);
    CHECK(is_running(pids[0]) && is_running(below[0]));
    CHECK(!is_running(pids[1]) && !is_running(below[1]));
    CHECK(is_running(pids[2]) && is_running(below[2]));
    CHECK_INT(proc_kill_descendants(NULL, 0, 5000, NULL), 4);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void kill_gives_up_on_what_does_not_die(void)
{
    prepare("exec sleep 1000");
    run.setup.out_fd = run.setup.err_fd = -1;
    pid_t pid = spawn();
    struct err e = {0};
    kill_is_deaf = true;
    int r = proc_kill_descendants(NULL, 0, 5, &e);
    kill_is_deaf = false;
    CHECK_INT(r, -ETIMEDOUT);
    CHECK_INT(e.class, ERR_INTERNAL);
    CHECK_INT(waitpid(pid, NULL, WNOHANG), 0);
    CHECK_INT(proc_kill_descendants(NULL, 0, 5000, NULL), 1);
    finish();
}

/* become_subreaper_makes_us_one comes first: the other tests rely on it. */
TEST_MAIN(TEST(become_subreaper_makes_us_one), TEST(spawn_starts_a_child_of_ours),
          TEST(descriptors_not_given_are_dev_null), TEST(input_comes_from_the_descriptor_given),
          TEST(piped_output_never_blocks_us_but_the_child), TEST(streams_may_cross_the_standard_ones),
          TEST(spawn_works_where_our_own_standard_streams_are_closed), TEST(no_descriptor_is_inherited),
          TEST(one_more_descriptor_can_be_inherited), TEST(the_environment_is_exactly_as_given),
          TEST(an_empty_environment_is_possible), TEST(without_an_environment_ours_is_passed_on),
          TEST(the_program_is_looked_up_in_the_childs_path), TEST(a_program_that_is_not_found_is_an_error),
          TEST(a_program_that_must_not_be_executed_is_an_error),
          TEST(a_missing_working_directory_is_an_error_that_names_it),
          TEST(the_child_starts_in_the_working_directory), TEST(signals_are_as_a_program_expects_them),
          TEST(a_session_of_its_own_must_be_asked_for), TEST(the_child_gets_the_death_signal_when_we_die),
          TEST(files_cannot_grow_past_the_limit), TEST(the_end_is_told_in_words),
          TEST(kill_of_no_descendants_is_zero), TEST(kill_takes_descendants_of_all_kinds),
          TEST(kill_spares_the_children_to_keep_and_what_is_below_them),
          TEST(kill_gives_up_on_what_does_not_die))
