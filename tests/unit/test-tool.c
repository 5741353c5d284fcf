#include "runner/executor/slurm/tool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

struct seen {
    int count, status;
    char *output;
};

static void on_end(int status, const char *output, void *data)
{
    struct seen *seen = data;
    seen->count++;
    seen->status = status;
    free(seen->output);
    seen->output = mem_strdup(output);
}

static struct children *children;

/* Runs a shell command as the event loop would. */
static void run(const char *script, size_t limit_bytes, int64_t timeout_ms, struct seen *ret_seen)
{
    struct ev *ev = ev_new();
    children = children_new();
    CLEANUP(strv_done) struct strv argv = {0};
    struct tool *tool = NULL;
    strv_push(&argv, "sh");
    strv_push(&argv, "-c");
    strv_push(&argv, script);
    struct tool_wants wants = {&argv, limit_bytes, timeout_ms, on_end, ret_seen};
    CHECK_INT(tool_start(ev, children, &wants, &tool, NULL), 0);
    while (tool) {
        size_t len;
        const struct pollfd *fds = ev_fds(ev, &len);
        struct pollfd copy = len ? fds[0] : (struct pollfd){.fd = -1};
        poll(&copy, 1, 10);
        ev_dispatch(ev);
        children_reap(children);
    }
    CHECK_INT(ret_seen->count, 1);
    children_free(children);
    ev_free(ev);
}

static void both_streams_and_the_status_are_told(void)
{
    struct seen seen = {0};
    run("echo one; echo two >&2; exit 3", 100, 60000, &seen);
    CHECK(WIFEXITED(seen.status) && WEXITSTATUS(seen.status) == 3);
    CHECK_STR(seen.output, "one\ntwo\n");
    free(seen.output);
}

static void what_passes_the_limit_is_dropped(void)
{
    struct seen seen = {0};
    run("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done", 15, 60000, &seen);
    CHECK_STR(seen.output, "0123456789\n0123");
    free(seen.output);
}

static void nothing_printed_is_an_empty_text(void)
{
    struct seen seen = {0};
    run("exit 0", 100, 60000, &seen);
    CHECK_STR(seen.output, "");
    free(seen.output);
}

static void what_does_not_end_is_killed(void)
{
    struct seen seen = {0};
    int64_t start_ms = clock_now_ms();
    run("exec sleep 60", 100, 50, &seen);
    CHECK(WIFSIGNALED(seen.status) && WTERMSIG(seen.status) == 9);
    CHECK(clock_now_ms() - start_ms < 30000);
    free(seen.output);
}

static void a_program_that_is_not_there_is_a_fault_at_once(void)
{
    struct ev *ev = ev_new();
    children = children_new();
    CLEANUP(strv_done) struct strv argv = {0};
    struct tool *tool = NULL;
    struct seen seen = {0};
    struct err err = {0};
    strv_push(&argv, "no-such-program-anywhere");
    struct tool_wants wants = {&argv, 100, 1000, on_end, &seen};
    CHECK(tool_start(ev, children, &wants, &tool, &err) < 0);
    CHECK(!tool && !seen.count);
    CHECK_CONTAINS(err.message, "no-such-program-anywhere");
    children_free(children);
    ev_free(ev);
}

static void one_that_is_freed_is_ended_and_tells_nothing(void)
{
    struct ev *ev = ev_new();
    children = children_new();
    CLEANUP(strv_done) struct strv argv = {0};
    struct tool *tool = NULL;
    struct seen seen = {0};
    siginfo_t info;
    strv_push(&argv, "sleep");
    strv_push(&argv, "60");
    struct tool_wants wants = {&argv, 100, 60000, on_end, &seen};
    CHECK_INT(tool_start(ev, children, &wants, &tool, NULL), 0);
    tool_free(tool);
    CHECK_INT(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    CHECK(info.si_code == CLD_KILLED && info.si_status == SIGKILL);
    children_reap(children);
    CHECK_INT(seen.count, 0);
    tool_free(NULL);
    children_free(children);
    ev_free(ev);
}

TEST_MAIN(TEST(both_streams_and_the_status_are_told), TEST(what_passes_the_limit_is_dropped),
          TEST(nothing_printed_is_an_empty_text), TEST(what_does_not_end_is_killed),
          TEST(a_program_that_is_not_there_is_a_fault_at_once),
          TEST(one_that_is_freed_is_ended_and_tells_nothing))
