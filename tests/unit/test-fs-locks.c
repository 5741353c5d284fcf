#include "base/fs.h"

#include "base/fd.h"
#include "scratch.h"

#include <signal.h>

static void lock_makes_a_private_file_close_on_exec(void)
{
    const char *path = scratch("lock1");
    int fd = -1;
    CHECK_INT(fs_lock(path, &fd, NULL), 0);
    CHECK_INT(mode_of(path), 0600);
    CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    fs_unlock(path, fd);
}

static void lock_is_refused_while_it_is_held(void)
{
    const char *path = scratch("lock2");
    int fd = -1, second = -7;
    struct err e = {0};
    CHECK_INT(fs_lock(path, &fd, NULL), 0);
    int before = count_open_files();
    CHECK_INT(fs_lock(path, &second, &e), -EWOULDBLOCK);
    CHECK_INT(second, -7);
    CHECK_INT(count_open_files(), before);
    CHECK_CONTAINS(e.message, path);
    fs_unlock(path, fd);
}

static void lock_can_be_taken_after_unlock_which_removes_the_file(void)
{
    const char *path = scratch("lock3");
    int fd = -1;
    CHECK_INT(fs_lock(path, &fd, NULL), 0);
    fs_unlock(path, fd);
    CHECK(!is_there(path));
    CHECK(fcntl(fd, F_GETFD) < 0);
    CHECK_INT(fs_lock(path, &fd, NULL), 0);
    CHECK(is_there(path));
    fs_unlock(path, fd);
    fs_unlock(path, -1);
}

static int held_pipe[2];

static void hold_lock_until_killed(void)
{
    int fd = -1;
    CHECK_INT(fs_lock(scratch("lock4"), &fd, NULL), 0);
    CHECK_INT(fd_write_all(held_pipe[1], "x", 1), 0);
    alarm(100); /* bounded, in case the test dies */
    pause();
}

/* Starts a process that holds "lock4". */
static pid_t start_holder(void)
{
    CHECK_INT(pipe2(held_pipe, O_CLOEXEC), 0);
    pid_t pid = start_child(hold_lock_until_killed, false);
    char byte;
    CHECK_INT(read(held_pipe[0], &byte, 1), 1);
    return pid;
}

static void end_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    fd_close(held_pipe[0]);
    fd_close(held_pipe[1]);
}

static void lock_is_refused_while_another_process_holds_it(void)
{
    const char *path = scratch("lock4");
    int fd = -1;
    pid_t pid = start_holder();
    CHECK_INT(fs_lock(path, &fd, NULL), -EWOULDBLOCK);
    end_holder(pid);
    CHECK_INT(fs_lock(path, &fd, NULL), 0); /* released with the process */
    fs_unlock(path, fd);
}

static void lock_follows_no_link(void)
{
    const char *target = make_file("lock-target", "x");
    make_link(target, "lock5");
    int fd = -1;
    struct err e = {0};
    CHECK_INT(fs_lock(scratch("lock5"), &fd, &e), -ELOOP);
    CHECK_CONTAINS(e.message, scratch("lock5"));
    CHECK_INT(fs_lock(scratch("missing/lock"), &fd, &e), -ENOENT);
}

static void wait_for_a_free_lock_takes_it(void)
{
    int fd = -1;
    CHECK_INT(fs_lock_wait(scratch("lock6"), -1, &fd, NULL), 0);
    CHECK(fd >= 0);
    fs_unlock(scratch("lock6"), fd);
}

static void wait_for_lock4(void)
{
    int fd = -1;
    CHECK_INT(fd_write_all(held_pipe[1], "w", 1), 0);
    CHECK_INT(fs_lock_wait(scratch("lock4"), -1, &fd, NULL), 0);
    CHECK(is_there(scratch("lock4")));
    fs_unlock(scratch("lock4"), fd);
}

static void wait_ends_when_the_holder_dies(void)
{
    pid_t holder = start_holder();
    pid_t waiter = start_child(wait_for_lock4, false);
    char byte;
    CHECK_INT(read(held_pipe[0], &byte, 1), 1);
    CHECK_INT(waitpid(waiter, NULL, WNOHANG), 0);
    end_holder(holder);
    CHECK(child_passed(waiter));
}

static void wait_ends_when_cancelled(void)
{
    int cancel[2], fd = -7;
    struct err e = {0};
    CHECK_INT(pipe2(cancel, O_CLOEXEC), 0);
    CHECK_INT(fd_write_all(cancel[1], "x", 1), 0);
    pid_t holder = start_holder();
    CHECK_INT(fs_lock_wait(scratch("lock4"), cancel[0], &fd, &e), -ECANCELED);
    CHECK_INT(e.class, ERR_CANCELLED);
    CHECK_CONTAINS(e.message, scratch("lock4"));
    CHECK_INT(fd, -7);
    end_holder(holder);
    fd_close(cancel[0]);
    fd_close(cancel[1]);
}

enum { COUNTERS = 4, COUNTS = 50 };

static void count_under_lock(void)
{
    const char *lock = scratch("lock7"), *file = scratch("counter");
    for (int i = 0; i < COUNTS; i++) {
        int fd = -1;
        CHECK_INT(fs_lock_wait(lock, -1, &fd, NULL), 0);
        struct buf b = BUF_INIT(0);
        CHECK_INT(fs_read_file(file, 100, &b, NULL), 0);
        CLEANUP(mem_freep) char *next = mem_printf("%d", atoi(b.data) + 1);
        scratch_file("counter", next, strlen(next));
        buf_done(&b);
        fs_unlock(lock, fd);
    }
}

static void only_one_process_at_a_time_has_the_lock(void)
{
    make_file("counter", "0");
    pid_t pids[COUNTERS];
    for (int i = 0; i < COUNTERS; i++)
        pids[i] = start_child(count_under_lock, false);
    for (int i = 0; i < COUNTERS; i++)
        CHECK(child_passed(pids[i]));
    struct buf b = BUF_INIT(0);
    CHECK_INT(fs_read_file(scratch("counter"), 100, &b, NULL), 0);
    CHECK_INT(atoi(b.data), COUNTERS * COUNTS);
    buf_done(&b);
}

TEST_MAIN(TEST(lock_makes_a_private_file_close_on_exec), TEST(lock_is_refused_while_it_is_held),
          TEST(lock_can_be_taken_after_unlock_which_removes_the_file),
          TEST(lock_is_refused_while_another_process_holds_it), TEST(lock_follows_no_link),
          TEST(wait_for_a_free_lock_takes_it), TEST(wait_ends_when_the_holder_dies),
          TEST(wait_ends_when_cancelled), TEST(only_one_process_at_a_time_has_the_lock))
