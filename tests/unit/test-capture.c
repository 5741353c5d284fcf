#include "base/capture.h"

#include "base/proc.h"
#include "scratch.h"

#include <signal.h>

/* What the last run printed and how it failed. */
static struct buf output, messages;
static struct err err;
static struct strv argv;

/* A shell that runs the script, with limits that no test reaches by accident. */
static struct capture prepare(const char *script)
{
    buf_done(&output);
    buf_done(&messages);
    strv_done(&argv);
    strv_push(&argv, "sh");
    strv_push(&argv, "-c");
    strv_push(&argv, script);
    err = (struct err){0};
    CHECK_INT(proc_become_subreaper(NULL), 0);
    return (struct capture){.doing = "Looking around",
                            .argv = &argv,
                            .timeout_ms = 60000,
                            .output_limit_bytes = 4096,
                            .cancel_fd = -1};
}

static int run(const struct capture *capture)
{
    return capture_run(capture, &output, &messages, &err);
}

static void check_failure(int got, int code, enum err_class class, const char *message)
{
    CHECK_INT(got, code);
    CHECK_INT(err.class, class);
    CHECK_STR(err.message, message);
}

static void both_streams_are_kept_apart(void)
{
    struct capture c = prepare("echo one; echo two >&2");
    CHECK_INT(run(&c), 0);
    CHECK_STR(output.data, "one\n");
    CHECK_STR(messages.data, "two\n");
}

static void streams_that_are_not_asked_for_are_dropped(void)
{
    struct capture c = prepare("echo one; echo two >&2; exit 1");
    CHECK_INT(capture_run(&c, NULL, NULL, NULL), -EIO);
}

static void directory_and_environment_are_those_given(void)
{
    CLEANUP(strv_done) struct strv env = {0};
    strv_push(&env, "PATH=/usr/bin:/bin");
    strv_push(&env, "WORD=here");
    struct capture c = prepare("echo $WORD; pwd");
    c.env = &env;
    c.cwd = "/";
    CHECK_INT(run(&c), 0);
    CHECK_STR(output.data, "here\n/\n");
}

static void a_failure_is_told_with_the_line_that_names_the_error(void)
{
    struct capture c =
        prepare("echo first >&2; echo 'fatal: error: no such thing' >&2; echo last >&2; exit 3");
    check_failure(run(&c), -EIO, ERR_ENVIRONMENT,
                  "Looking around failed: fatal: error: no such thing (exit status 3)");
    CHECK_CONTAINS(messages.data, "last");
}

static void a_silent_failure_is_told_too(void)
{
    struct capture c = prepare("exit 3");
    check_failure(run(&c), -EIO, ERR_ENVIRONMENT, "Looking around failed: it said nothing (exit status 3)");
}

static void a_crash_is_its_own_failure(void)
{
    struct capture c = prepare("ulimit -c 0; echo words; kill -SEGV $$");
    check_failure(run(&c), -EIO, ERR_ENVIRONMENT,
                  "Looking around failed: words (signal 11 (Segmentation fault))");
    CHECK_STR(output.data, "words\n");
}

static void a_signal_from_outside_is_told_apart(void)
{
    struct capture c = prepare("kill -KILL $$");
    check_failure(run(&c), -EINTR, ERR_ENVIRONMENT,
                  "Looking around failed: it said nothing (signal 9 (Killed))");
}

static void one_that_takes_too_long_is_ended(void)
{
    struct capture c = prepare("echo begun; exec sleep 1000");
    c.timeout_ms = 250;
    check_failure(run(&c), -ETIME, ERR_LIMIT, "Looking around took longer than 0.25 s and was stopped");
}

static void one_that_is_cancelled_is_ended(void)
{
    int ends[2];
    struct capture c = prepare("exec sleep 1000");
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    CHECK_INT(write(ends[1], "x", 1), 1);
    c.cancel_fd = ends[0];
    check_failure(run(&c), -ECANCELED, ERR_CANCELLED, "Looking around was stopped");
    close(ends[0]);
    close(ends[1]);
}

static void output_past_the_limit_is_an_error(void)
{
    struct capture c = prepare("yes | head -c 8193; exec sleep 1000");
    c.output_limit_bytes = 8192;
    check_failure(run(&c), -EFBIG, ERR_LIMIT, "Looking around produced more than 8 KB of output");
    CHECK_INT(output.len, 8192);
}

static void output_at_the_limit_is_none(void)
{
    struct capture c = prepare("yes | head -c 8192");
    c.output_limit_bytes = 8192;
    CHECK_INT(run(&c), 0);
    CHECK_INT(output.len, 8192);
}

static void messages_past_the_limit_are_cut(void)
{
    struct capture c = prepare("yes | head -c 9000 >&2");
    CHECK_INT(run(&c), 0);
    CHECK_INT(messages.len, 4096);
}

static void output_may_be_cut_instead(void)
{
    struct capture c = prepare("yes | head -c 9000; echo end >&2");
    c.cut_output = true;
    CHECK_INT(run(&c), 0);
    CHECK_INT(output.len, 4096);
    CHECK_STR(messages.data, "end\n"); /* it ran to its end */
}

static void a_file_past_its_limit_is_told_with_the_option(void)
{
    struct capture c = prepare("exec head -c 3000000 /dev/zero >large");
    c.cwd = make_dir("files", 0700);
    c.file_size_bytes = 2U << 20;
    c.file_size_option = "--room";
    check_failure(run(&c), -EFBIG, ERR_LIMIT, "Looking around: it is larger than the limit of 2 MB (--room)");
}

static void a_program_that_is_not_there_is_told(void)
{
    struct capture c = prepare("");
    strv_done(&argv);
    strv_push(&argv, "no-such-program-anywhere");
    CHECK_INT(run(&c), -ENOENT);
    CHECK(strncmp(err.message, "Looking around: ", strlen("Looking around: ")) == 0);
    CHECK_CONTAINS(err.message, "no-such-program-anywhere");
}

static void what_it_left_running_is_ended(void)
{
    struct capture c = prepare("sleep 1000 >&- 2>&- & exit 0");
    CHECK_INT(run(&c), 0);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void a_child_to_keep_is_left_alone(void)
{
    struct capture c = prepare("exit 0");
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    c.keep = pid;
    CHECK_INT(run(&c), 0);
    CHECK_INT(waitpid(pid, NULL, WNOHANG), 0);
    kill(pid, SIGKILL);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
}

static void check_last_words(const char *out, const char *said, const char *want)
{
    CLEANUP(buf_done) struct buf o = BUF_INIT(0);
    CLEANUP(buf_done) struct buf m = BUF_INIT(0);
    buf_puts(&o, out);
    buf_puts(&m, said);
    CLEANUP(mem_freep) char *got = capture_last_words(&o, &m);
    CHECK_STR(got, want);
}

static void last_words_name_the_error(void)
{
    check_last_words("", "", "");
    check_last_words("out\n", "", "out");
    check_last_words("out\n", "one\ntwo\n\n", "two");
    check_last_words("Error: out\n", "one\n", "one");
    check_last_words("", "error: a\nValueError: b\nend\n", "ValueError: b");
    check_last_words("", "error: a", "error: a");
    check_last_words("error: a\nend\n", "", "error: a");
}

TEST_MAIN(TEST(both_streams_are_kept_apart), TEST(streams_that_are_not_asked_for_are_dropped),
          TEST(directory_and_environment_are_those_given),
          TEST(a_failure_is_told_with_the_line_that_names_the_error), TEST(a_silent_failure_is_told_too),
          TEST(a_crash_is_its_own_failure), TEST(a_signal_from_outside_is_told_apart),
          TEST(one_that_takes_too_long_is_ended), TEST(one_that_is_cancelled_is_ended),
          TEST(output_past_the_limit_is_an_error), TEST(output_at_the_limit_is_none),
          TEST(messages_past_the_limit_are_cut), TEST(output_may_be_cut_instead),
          TEST(a_file_past_its_limit_is_told_with_the_option), TEST(a_program_that_is_not_there_is_told),
          TEST(what_it_left_running_is_ended), TEST(a_child_to_keep_is_left_alone),
          TEST(last_words_name_the_error))
