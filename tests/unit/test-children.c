#include "base/children.h"

#include "base/fd.h"
#include "base/proc.h"
#include "base/strv.h"
#include "scratch.h"

#include <signal.h>

/* The list under test, and what its owners were told: one letter a child. */
static struct children *children;
static char told[64];
static int last_status;

static void start(void)
{
    children = children_new();
    memset(told, 0, sizeof(told));
    last_status = -1;
    CHECK_INT(proc_become_subreaper(NULL), 0);
}

static void end(void)
{
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    children_free(children);
}

static void note(int status, void *data)
{
    strcat(told, data);
    last_status = status;
}

/* A shell that runs the script. */
static pid_t spawn(const char *script)
{
    CLEANUP(strv_done) struct strv argv = {0};
    pid_t pid;
    strv_push(&argv, "sh");
    strv_push(&argv, "-c");
    strv_push(&argv, script);
    struct proc_setup setup = {.argv = &argv, .in_fd = -1, .out_fd = -1, .err_fd = -1};
    CHECK_INT(proc_spawn(&setup, &pid, NULL), 0);
    return pid;
}

static pid_t add(const char *script, const char *letter)
{
    pid_t pid = spawn(script);
    children_add(children, pid, note, (char *)letter);
    return pid;
}

/* Waits until the child has ended, and leaves it to be reaped. */
static void await_end(pid_t pid)
{
    siginfo_t info;
    CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void each_end_is_told_once_to_its_owner(void)
{
    start();
    pid_t a = add("exec sleep 100", "a");
    pid_t b = add("exit 7", "b");
    await_end(b);
    children_reap(children);
    CHECK_STR(told, "b");
    CHECK(WIFEXITED(last_status) && WEXITSTATUS(last_status) == 7);
    kill(a, SIGKILL);
    await_end(a);
    children_reap(children);
    CHECK_STR(told, "ba");
    CHECK(WIFSIGNALED(last_status) && WTERMSIG(last_status) == SIGKILL);
    children_reap(children);
    CHECK_STR(told, "ba");
    end();
}

static void one_that_ended_before_it_was_added_is_told(void)
{
    start();
    pid_t pid = spawn("exit 4");
    await_end(pid);
    children_add(children, pid, note, "a");
    children_reap(children);
    CHECK_STR(told, "a");
    CHECK(WIFEXITED(last_status) && WEXITSTATUS(last_status) == 4);
    end();
}

static void several_that_have_ended_are_told_at_once(void)
{
    start();
    pid_t pids[] = {add("exit 0", "x"), add("exit 0", "x"), add("exit 0", "x")};
    for (size_t i = 0; i < ARRAY_LEN(pids); i++)
        await_end(pids[i]);
    children_reap(children);
    CHECK_STR(told, "xxx");
    end();
}

static void one_that_runs_is_not_waited_for(void)
{
    start();
    pid_t pid = add("exec sleep 100", "a");
    children_reap(children);
    CHECK_STR(told, "");
    kill(pid, SIGKILL);
    await_end(pid);
    children_reap(children);
    CHECK_STR(told, "a");
    end();
}

static void one_that_was_removed_is_reaped_in_silence(void)
{
    start();
    pid_t a = add("exit 0", "a");
    pid_t b = add("exit 0", "b");
    children_remove(children, a);
    children_remove(children, a);
    children_remove(children, 0);
    await_end(a);
    await_end(b);
    children_reap(children);
    CHECK_STR(told, "b");
    end();
}

/* Its parent dies, so that it becomes ours. */
static void an_orphan_is_reaped_in_silence(void)
{
    start();
    int ends[2];
    pid_t orphan;
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        _exit(fd_write_all(ends[1], &pid, sizeof(pid)) < 0);
    }
    children_add(children, parent, note, "p");
    CHECK_INT(read(ends[0], &orphan, sizeof(orphan)), sizeof(orphan));
    await_end(parent);
    await_end(orphan);
    children_reap(children);
    CHECK_STR(told, "p");
    fd_close(ends[0]);
    fd_close(ends[1]);
    end();
}

/* As a job that is started in the slot of one that has ended. */
static void add_another(int status, void *data)
{
    note(status, "f");
    pid_t pid = add("exit 0", "s");
    await_end(pid);
}

static void a_callback_may_add_another_that_ends_at_once(void)
{
    start();
    pid_t pid = spawn("exit 0");
    children_add(children, pid, add_another, NULL);
    await_end(pid);
    children_reap(children);
    CHECK_STR(told, "fs");
    end();
}

static void remove_other(int status, void *data)
{
    note(status, "f");
    children_remove(children, *(pid_t *)data);
}

static void a_callback_may_remove_another(void)
{
    start();
    pid_t other = add("exec sleep 100", "o");
    pid_t pid = spawn("exit 0");
    children_add(children, pid, remove_other, &other);
    await_end(pid);
    children_reap(children);
    kill(other, SIGKILL);
    await_end(other);
    children_reap(children);
    CHECK_STR(told, "f");
    end();
}

static void kill_of_the_others_spares_those_that_are_listed(void)
{
    start();
    pid_t kept = add("exec sleep 100", "k");
    pid_t ended = add("exit 5", "e");
    pid_t other = spawn("exec sleep 100");
    await_end(ended);
    CHECK_INT(children_kill_others(children, 5000, NULL), 1);
    CHECK(waitpid(other, NULL, WNOHANG) < 0 && errno == ECHILD);
    CHECK_INT(waitpid(kept, NULL, WNOHANG), 0);
    CHECK_STR(told, "");
    children_reap(children); /* the end of that one is not lost by it */
    CHECK_STR(told, "e");
    CHECK(WIFEXITED(last_status) && WEXITSTATUS(last_status) == 5);
    children_remove(children, kept);
    CHECK_INT(children_kill_others(children, 5000, NULL), 1);
    CHECK_STR(told, "e");
    end();
}

static void one_that_somebody_else_has_reaped_is_lost(void)
{
    start();
    pid_t kept = add("exec sleep 100", "k");
    pid_t lost = add("exit 0", "l");
    CHECK(!children_are_lost(children));
    await_end(lost);
    CHECK(!children_are_lost(children)); /* it is still to be reaped */
    CHECK_INT(waitpid(lost, NULL, 0), lost);
    CHECK(children_are_lost(children));
    children_remove(children, lost);
    CHECK(!children_are_lost(children));
    kill(kept, SIGKILL);
    await_end(kept);
    children_reap(children);
    CHECK_STR(told, "k");
    CHECK(!children_are_lost(children));
    end();
}

static void without_children_nothing_happens(void)
{
    start();
    children_reap(children);
    CHECK_INT(children_kill_others(children, 5000, NULL), 0);
    CHECK(!children_are_lost(children));
    end();
    children_free(NULL);
}

TEST_MAIN(TEST(each_end_is_told_once_to_its_owner), TEST(one_that_ended_before_it_was_added_is_told),
          TEST(several_that_have_ended_are_told_at_once), TEST(one_that_runs_is_not_waited_for),
          TEST(one_that_was_removed_is_reaped_in_silence), TEST(an_orphan_is_reaped_in_silence),
          TEST(a_callback_may_add_another_that_ends_at_once), TEST(a_callback_may_remove_another),
          TEST(kill_of_the_others_spares_those_that_are_listed),
          TEST(one_that_somebody_else_has_reaped_is_lost), TEST(without_children_nothing_happens))
