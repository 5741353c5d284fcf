#include "base/pid_status.h"

#include "test.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_process_and_its_parent(void)
{
    struct pid_status status;
    CHECK_INT(pid_status_read(getpid(), &status), 0);
    CHECK_INT(status.tgid, getpid());
    CHECK_INT(status.ppid, getppid());
    CHECK_INT(status.inner_pid, getpid());
}

static void a_name_with_lines_of_its_own(void)
{
    struct pid_status status;
    prctl(PR_SET_NAME, "x\nPPid:\t7\nTgid:");
    CHECK_INT(pid_status_read(getpid(), &status), 0);
    CHECK_INT(status.tgid, getpid());
    CHECK_INT(status.ppid, getppid());
}

static void a_process_that_is_gone(void)
{
    struct pid_status status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    CHECK_INT(pid_status_read(pid, &status), -ESRCH);
}

TEST_MAIN(TEST(a_process_and_its_parent), TEST(a_name_with_lines_of_its_own), TEST(a_process_that_is_gone))
