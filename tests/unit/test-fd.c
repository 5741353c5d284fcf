#include "base/fd.h"

#include "scratch.h"

#include <sys/syscall.h>

/* Replace read(2) and write(2): interrupted by a signal, or shortened. */

static int interrupts; /* number of calls to interrupt */
static size_t write_max = SIZE_MAX;

static bool is_interrupted(void)
{
    errno = EINTR;
    return interrupts > 0 && interrupts-- > 0;
}

ssize_t read(int fd, void *data, size_t len)
{
    return is_interrupted() ? -1 : syscall(SYS_read, fd, data, len);
}

ssize_t write(int fd, const void *data, size_t len)
{
    return is_interrupted() ? -1 : syscall(SYS_write, fd, data, MIN(len, write_max));
}

static int reading, writing; /* the ends of a pipe */

static void open_pipe(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        TEST_FAIL("pipe2: %s", strerror(errno));
    reading = ends[0];
    writing = ends[1];
}

static void close_pipe(void)
{
    fd_close(reading);
    fd_close(writing);
}

static void close_closes_and_gives_minus_one(void)
{
    open_pipe();
    CHECK_INT(fd_close(reading), -1);
    CHECK(fcntl(reading, F_GETFD) < 0 && errno == EBADF);
    fd_close(writing);
}

static void close_keeps_errno(void)
{
    open_pipe();
    fd_close(reading);
    errno = EXDEV;
    fd_close(reading); /* closed: EBADF inside */
    CHECK_INT(errno, EXDEV);
    CHECK_INT(fd_close(-1), -1);
    CHECK_INT(errno, EXDEV);
    fd_close(writing);
}

static void cleanup_closes_at_the_end_of_the_scope(void)
{
    open_pipe();
    {
        CLEANUP(fd_closep) int fd = reading;
        CHECK(fcntl(fd, F_GETFD) >= 0);
    }
    CHECK(fcntl(reading, F_GETFD) < 0);
    fd_close(writing);
}

static void nonblock_is_set_and_other_flags_stay(void)
{
    int fd = open(scratch("append"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    CHECK_INT(fd_set_nonblock(fd), 0);
    int flags = fcntl(fd, F_GETFL);
    CHECK((flags & O_NONBLOCK) && (flags & O_APPEND));
    fd_close(fd);
    CHECK_INT(fd_set_nonblock(fd), -EBADF);
}

static void write_of_nothing_is_fine(void)
{
    CHECK_INT(fd_write_all(-1, "", 0), 0);
}

static void write_tells_the_error(void)
{
    CHECK_INT(fd_write_all(-1, "x", 1), -EBADF);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK(full >= 0);
    CHECK_INT(fd_write_all(full, "x", 1), -ENOSPC);
    fd_close(full);
}

static void write_to_a_full_pipe_says_again(void)
{
    static char much[1 << 20];
    open_pipe();
    fd_set_nonblock(writing);
    CHECK_INT(fd_write_all(writing, much, sizeof(much)), -EAGAIN);
    close_pipe();
}

/* Reads in pieces of odd sizes and checks the data. */
static void read_pattern(void)
{
    interrupts = 0; /* these are for our parent */
    fd_close(writing);
    unsigned char part[1371];
    size_t total = 0;
    ssize_t n;
    while ((n = read(reading, part, sizeof(part))) > 0)
        for (ssize_t i = 0; i < n; i++, total++)
            CHECK_INT(part[i], (unsigned char)(total * 7));
    CHECK_INT(total, 1000000);
}

static void check_write_of_pattern(void)
{
    static char data[1000000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7);
    open_pipe();
    pid_t pid = start_child(read_pattern, false);
    CHECK_INT(fd_write_all(writing, data, sizeof(data)), 0);
    close_pipe();
    CHECK(child_passed(pid));
}

static void write_writes_all(void)
{
    check_write_of_pattern();
}

static void write_goes_on_after_short_writes(void)
{
    write_max = 4099;
    check_write_of_pattern();
    write_max = SIZE_MAX;
}

static void write_goes_on_after_a_signal(void)
{
    interrupts = 5;
    check_write_of_pattern();
    CHECK_INT(interrupts, 0);
}

static void read_goes_on_after_a_signal(void)
{
    open_pipe();
    struct buf b = BUF_INIT(0);
    CHECK_INT(fd_write_all(writing, "word", 4), 0);
    interrupts = 5;
    CHECK_INT(fd_read_some(reading, &b, 100), 4);
    CHECK_STR(b.data, "word");
    CHECK_INT(interrupts, 0);
    buf_done(&b);
    close_pipe();
}

static void read_some_takes_no_more_than_asked(void)
{
    open_pipe();
    struct buf b = BUF_INIT(0);
    CHECK_INT(fd_write_all(writing, "abcdef", 6), 0);
    CHECK_INT(fd_read_some(reading, &b, 4), 4);
    CHECK_STR(b.data, "abcd");
    CHECK_INT(fd_read_some(reading, &b, 100), 2);
    CHECK_STR(b.data, "abcdef");
    buf_done(&b);
    close_pipe();
}

static void read_some_tells_end_nothing_and_errors(void)
{
    open_pipe();
    struct buf b = BUF_INIT(0);
    fd_set_nonblock(reading);
    CHECK_INT(fd_read_some(reading, &b, 100), -EAGAIN);
    writing = fd_close(writing);
    CHECK_INT(fd_read_some(reading, &b, 100), 0);
    close_pipe();
    CHECK_INT(fd_read_some(-1, &b, 100), -EBADF);
    CHECK_INT(b.len, 0);
    buf_done(&b);
}

static void read_some_past_the_limit_is_an_error(void)
{
    open_pipe();
    struct buf b = BUF_INIT(3);
    CHECK_INT(fd_write_all(writing, "abcd", 4), 0);
    CHECK_INT(fd_read_some(reading, &b, 100), -EFBIG);
    CHECK_INT(b.len, 0);
    buf_done(&b);
    close_pipe();
}

static void check_read_all(size_t size, size_t limit, int want)
{
    char *data = mem_alloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i % 251);
    const char *path = scratch_file("data", data, size);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct buf b = BUF_INIT(limit);
    CHECK_INT(fd_read_all(fd, &b), want);
    CHECK(b.len <= (limit ? limit : size));
    if (want == 0) {
        CHECK_INT(b.len, size);
        CHECK(memcmp(b.data, data, size) == 0);
        CHECK_INT(b.data[b.len], 0);
    }
    fd_close(fd);
    buf_done(&b);
    free(data);
}

static void read_all_reads_to_the_end(void)
{
    check_read_all(0, 0, 0);
    check_read_all(1, 0, 0);
    check_read_all(16384, 0, 0);
    check_read_all(100001, 0, 0);
}

static void read_all_obeys_the_limit_exactly(void)
{
    check_read_all(100001, 100001, 0);
    check_read_all(100001, 100000, -EFBIG);
    check_read_all(16384, 16384, 0);
    check_read_all(16385, 16384, -EFBIG);
}

TEST_MAIN(TEST(close_closes_and_gives_minus_one), TEST(close_keeps_errno),
          TEST(cleanup_closes_at_the_end_of_the_scope), TEST(nonblock_is_set_and_other_flags_stay),
          TEST(write_of_nothing_is_fine), TEST(write_tells_the_error), TEST(write_to_a_full_pipe_says_again),
          TEST(write_writes_all), TEST(write_goes_on_after_short_writes), TEST(read_goes_on_after_a_signal),
          TEST(write_goes_on_after_a_signal), TEST(read_some_takes_no_more_than_asked),
          TEST(read_some_tells_end_nothing_and_errors), TEST(read_some_past_the_limit_is_an_error),
          TEST(read_all_reads_to_the_end), TEST(read_all_obeys_the_limit_exactly))
