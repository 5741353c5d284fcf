#pragma once

/*
 * For tests of files and processes: a temporary directory that is removed at exit, and tests in a
 * child process, optionally as an ordinary user.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRATCH_USER 65534 /* "nobody" */

static char scratch_dir[PATH_MAX / 2];
static pid_t scratch_owner;

static void scratch_remove(void)
{
    if (getpid() != scratch_owner)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", scratch_dir, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

static struct {
    char **items;
    size_t len;
} scratch_paths;

static inline void scratch_start(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(scratch_dir, sizeof(scratch_dir), "%s/ostest-unit-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(scratch_dir) || chmod(scratch_dir, 0711) < 0) {
        perror(scratch_dir);
        abort();
    }
    scratch_owner = getpid();
    atexit(scratch_remove);
}

/* Returns the path of `name` in the temporary directory; valid to the end. */
static inline const char *scratch(const char *name)
{
    if (!scratch_owner)
        scratch_start();
    char *path = NULL;
    if (asprintf(&path, "%s/%s", scratch_dir, name) < 0)
        abort();
    for (size_t i = 0; i < scratch_paths.len; i++) {
        if (strcmp(scratch_paths.items[i], path) == 0) {
            free(path);
            return scratch_paths.items[i];
        }
    }
    scratch_paths.items = reallocarray(scratch_paths.items, scratch_paths.len + 1, sizeof(char *));
    if (!scratch_paths.items)
        abort();
    return scratch_paths.items[scratch_paths.len++] = path;
}

/* Creates a file in the temporary directory and returns its path. */
static inline const char *scratch_file(const char *name, const char *content, size_t len)
{
    const char *path = scratch(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, content, len) != (ssize_t)len)
        TEST_FAIL("cannot write %s: %s", path, strerror(errno));
    close(fd);
    return path;
}

/* ---- files ---- */

static inline void check_content(const char *path, const char *want, size_t len)
{
    FILE *f = fopen(path, "re");
    if (!f)
        TEST_FAIL("%s: %s", path, strerror(errno));
    char *got = malloc(len + 1);
    size_t got_len = fread(got, 1, len + 1, f); /* one more, which must not exist */
    bool same = got_len == len && memcmp(got, want, len) == 0;
    fclose(f);
    free(got);
    if (!same)
        TEST_FAIL("%s holds something else than the %zu bytes expected", path, len);
}

static inline mode_t mode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : (mode_t)-1;
}

static inline bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static inline const char *make_dir(const char *name, mode_t mode)
{
    const char *path = scratch(name);
    if (mkdir(path, 0700) < 0 || chmod(path, mode) < 0)
        TEST_FAIL("cannot make %s: %s", path, strerror(errno));
    return path;
}

static inline void make_link(const char *target, const char *name)
{
    if (symlink(target, scratch(name)) < 0)
        TEST_FAIL("cannot link %s: %s", name, strerror(errno));
}

static inline const char *make_file(const char *name, const char *content)
{
    return scratch_file(name, content, strlen(content));
}

static inline int count_open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* ---- processes ---- */

/* Ends this process with status 0 if no check in `fn` fails. */
static inline void __attribute__((noreturn)) exit_after(void (*fn)(void))
{
    if (setjmp(test_failed) == 0) {
        fn();
        fflush(stdout);
        _exit(0);
    }
    fflush(stdout);
    _exit(1);
}

/* Starts `fn` in a child process; `as_user` also drops root, with a directory of its own. */
static inline pid_t start_child(void (*fn)(void), bool as_user)
{
    fflush(stdout); /* else the child prints it again */
    const char *dir = scratch("user");
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (as_user) {
        mkdir(dir, 0700);
        if (chown(dir, SCRATCH_USER, SCRATCH_USER) < 0 || setgroups(0, NULL) < 0 ||
            setresgid(SCRATCH_USER, SCRATCH_USER, SCRATCH_USER) < 0 ||
            setresuid(SCRATCH_USER, SCRATCH_USER, SCRATCH_USER) < 0)
            _exit(2);
        memcpy(scratch_dir, dir, strlen(dir) + 1);
    }
    exit_after(fn);
}

/* Returns true if the child ended with status 0. */
static inline bool child_passed(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static inline bool passes_in_child(void (*fn)(void))
{
    return child_passed(start_child(fn, false));
}

/* Runs a test as the current user and, if that is root, also as an ordinary user. */
static inline void as_root_and_user(void (*fn)(void))
{
    fn();
    if (geteuid() == 0)
        CHECK(child_passed(start_child(fn, true)));
}
