#pragma once

/* Children that are shell scripts, started by base/proc. */

#include "base/clock.h"
#include "base/proc.h"
#include "scratch.h"

#include <signal.h>

#define MEGABYTE 1048576

/* One run: input and output. */
static struct proc_run run;
static struct strv args, env;

static inline void prepare(const char *script)
{
    args = (struct strv){0};
    env = (struct strv){0};
    strv_push(&args, "sh");
    strv_push(&args, "-c");
    strv_push(&args, script);
    strv_push(&env, "PATH=/usr/local/bin:/usr/bin:/bin"); /* searchable for everybody */
    strv_pushf(&env, "FIFO=%s", scratch("fifo"));
    strv_pushf(&env, "TEST=%d", (int)getpid());
    run = (struct proc_run){
        .setup = {.argv = &args, .env = &env, .in_fd = -1},
        .out = {.fd = -1, .limit_bytes = MEGABYTE},
        .err = {.fd = -1, .limit_bytes = MEGABYTE},
        .grace_ms = 100,
        .cancel_fd = -1,
    };
    unlink(scratch("fifo"));
    if (mkfifo(scratch("fifo"), 0600) < 0)
        TEST_FAIL("mkfifo: %s", strerror(errno));
}

/* Runs the script; afterwards no process and no descriptor may be left. */
static inline void go(void)
{
    struct err e = {0};
    int before = count_open_files();
    if (proc_run(&run, &e) < 0)
        TEST_FAIL("%s", e.message);
    CHECK_INT(count_open_files(), before);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static inline void sh(const char *script)
{
    prepare(script);
    go();
}

static inline void finish(void)
{
    buf_done(&run.out.buf);
    buf_done(&run.err.buf);
    strv_done(&args);
    strv_done(&env);
}

static inline void check_out(const char *want)
{
    CHECK_STR(run.out.buf.data, want);
}

/* Checks that the process whose id the script printed has ended. */
static inline void check_gone(void)
{
    int pid = atoi(run.out.buf.data);
    CHECK(pid > 1);
    CHECK(kill(pid, 0) < 0 && errno == ESRCH);
}

/* Like TEST_MAIN(), for tests of proc_run(). */
#define SCRIPT_TEST_MAIN(...) \
    int main(void) \
    { \
        static const struct test tests[] = {__VA_ARGS__}; \
        if (proc_open_pidfd(getpid()) == -ENOSYS) { \
            puts("1..0 # SKIP no pidfd_open(2), as in valgrind before 3.20"); \
            return 0; \
        } \
        proc_become_subreaper(NULL); \
        return test_main(tests, ARRAY_LEN(tests)); \
    }
