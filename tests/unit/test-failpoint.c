#define FAILPOINTS 1
#include "base/failpoint.h"

#include "base/failpoint.c" /* empty in the libraries */
#include "scratch.h"
#include "test.h"

#include <sys/wait.h>

/* Returns true if a process is killed at this failpoint. */
static bool dies_at(const char *name)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        failpoint(name);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void at_the_named_place_one_process_dies(void)
{
    const char *token = make_file("token", "");
    setenv("OSTEST_FAILPOINT", "here", 1);
    setenv("OSTEST_FAILPOINT_TOKEN", token, 1);
    CHECK(!dies_at("there"));
    CHECK(dies_at("here"));
    CHECK(access(token, F_OK) < 0);
    CHECK(!dies_at("here"));
}

static void without_the_variables_nothing_happens(void)
{
    unsetenv("OSTEST_FAILPOINT");
    CHECK(!dies_at("here"));
    setenv("OSTEST_FAILPOINT", "here", 1);
    unsetenv("OSTEST_FAILPOINT_TOKEN");
    CHECK(!dies_at("here"));
}

TEST_MAIN(TEST(at_the_named_place_one_process_dies), TEST(without_the_variables_nothing_happens))
