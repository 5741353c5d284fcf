#include "base/proc.h"

#include "base/fd.h"
#include "script.h"

#include <sys/resource.h>
#include <sys/syscall.h>

/* Replaces wait4(2): lets a grandchild write just after the child has ended. */
static bool late_writer;

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    char word[16];
    if (late_writer) {
        int fd = open(scratch("fifo"), O_WRONLY | O_CLOEXEC);
        CHECK_INT(fd_write_all(fd, "go\n", 3), 0);
        fd_close(fd);
        fd = open(scratch("fifo"), O_RDONLY | O_CLOEXEC);
        CHECK(read(fd, word, sizeof(word)) > 0);
        fd_close(fd);
    }
    return (pid_t)syscall(SYS_wait4, pid, status, options, usage);
}

static void what_came_last_is_kept(void)
{
    prepare("(read go < $FIFO; echo late; echo late >&2; echo done > $FIFO; exec sleep 1000) & echo early");
    late_writer = true;
    go();
    late_writer = false;
    check_out("early\nlate\n");
    CHECK_STR(run.err.buf.data, "late\n");
    finish();
}

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
    check_content(scratch("sink"), "to the", strlen("to the"));
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
    CHECK_INT(run.out.unwritten_bytes, 500000);
    CHECK_INT(run.out.dropped_bytes, 0); /* it did not print too much */
    finish();
}

static void closed_streams_do_not_end_the_run(void)
{
    sh("exec >&- 2>&-; read never < /dev/null; exit 5");
    CHECK_INT(run.status, 5);
    finish();
}

SCRIPT_TEST_MAIN(TEST(what_came_last_is_kept), TEST(both_streams_are_kept_apart),
                 TEST(no_output_is_an_empty_buffer), TEST(binary_output_comes_unchanged),
                 TEST(what_passes_the_limit_is_drained_and_counted),
                 TEST(both_streams_are_drained_at_the_same_time), TEST(the_limit_is_exact),
                 TEST(output_can_go_into_a_file), TEST(a_full_disk_does_not_stop_the_child),
                 TEST(closed_streams_do_not_end_the_run))
