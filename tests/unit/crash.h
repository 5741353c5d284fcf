#pragma once

/*
 * Simulates a power cut or a disk error between any two changes on disk: counts the calls that
 * change names or flush on their way to the kernel, and from a chosen one on kills the process, or
 * lets that call fail. Records the calls with the names of the files.
 */

#include "base/buf.h"
#include "scratch.h"

#include <signal.h>
#include <sys/syscall.h>

static int calls_left = -1;  /* calls left before it happens; -1: never */
static bool next_call_fails; /* else the process is killed */
static struct buf calls;     /* "flush task.json.tmp\n" and so on */

static inline bool let_through(const char *what, const char *path)
{
    const char *slash = strrchr(path, '/');
    buf_printf(&calls, "%s %s\n", what, slash ? slash + 1 : path);
    if (calls_left < 0 || calls_left-- > 0)
        return true;
    if (!next_call_fails)
        kill(getpid(), SIGKILL);
    errno = EIO;
    return false;
}

int mkdir(const char *path, mode_t mode)
{
    return let_through("mkdir", path) ? (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode) : -1;
}

int rename(const char *from, const char *to)
{
    return let_through("rename", to) ? (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) : -1;
}

int unlink(const char *path)
{
    return let_through("unlink", path) ? (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0) : -1;
}

int rmdir(const char *path)
{
    return let_through("rmdir", path) ? (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR) : -1;
}

int fsync(int fd)
{
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof(path) - 1) < 0)
        return -1;
    return let_through("flush", path) ? (int)syscall(SYS_fsync, fd) : -1;
}

/* ---- */

/*
 * Runs `fn` in a process that is killed before its n-th change. Returns false if `fn` has ended
 * before.
 */
static inline bool crashes_after(int n, void (*fn)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        calls_left = n;
        exit_after(fn);
    }
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    bool crashed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!crashed && status != 0)
        TEST_FAIL("wait status %d after %d changes", status, n);
    return crashed;
}

/* Lets the n-th change from now on fail with EIO; later ones succeed. */
static inline void fail_call(int n)
{
    calls_left = n;
    next_call_fails = true;
}

/* Ends fail_call(). Returns true if there was an n-th change. */
static inline bool did_fail(void)
{
    bool failed = calls_left < 0;
    calls_left = -1;
    next_call_fails = false;
    return failed;
}

/*
 * Checks that the recorded calls contain these, in this order, with others in between; clears the
 * record.
 */
#define CHECK_CALLS(...) \
    do { \
        const char *const want_[] = {__VA_ARGS__}; \
        const char *at_ = calls.data ? calls.data : ""; \
        for (size_t i_ = 0; i_ < sizeof(want_) / sizeof(want_[0]); i_++) { \
            const char *found_ = strstr(at_, want_[i_]); \
            if (!found_) \
                TEST_FAIL("\"%s\" is missing, or too early, in: %s", want_[i_], calls.data); \
            at_ = found_ + strlen(want_[i_]); \
        } \
        buf_clear(&calls); \
    } while (0)
