#include "runner/cli/run/directory.h"

#include "base/fd.h"
#include "base/fs.h"
#include "base/proc.h"
#include "model/state_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "run-"

/* Returns the descriptor that holds the lock, or -errno. */
static int lock_dir(const char *path)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    int locked = fd;
    fd = -1;
    return locked;
}

/* Another process may remove a new directory before it is locked. */
int run_dir_make(const char *state_dir, struct run_dir *ret_dir, struct err *err)
{
    int r = fs_make_dirs(state_dir, 0700, err);
    if (r < 0)
        return r;
    for (;;) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/" PREFIX "%d-XXXXXX", state_dir, (int)getpid());
        if (!mkdtemp(path))
            return err_errno(err, errno, "Cannot create a directory in %s", state_dir);
        int fd = lock_dir(path);
        if (fd >= 0 && fs_is_dir(path)) {
            *ret_dir = (struct run_dir){path, fd};
            path = NULL;
            return 0;
        }
        fd_close(fd);
        if (fd < 0 && fd != -EWOULDBLOCK && fd != -ENOENT)
            return err_errno(err, -fd, "Cannot lock %s", path);
    }
}

void run_dir_clean(const char *path, const char *job_program, const char *state_dir)
{
    CLEANUP(strv_done) struct strv argv = {0};
    pid_t pid;
    strv_push(&argv, job_program);
    strv_pushf(&argv, "--cache-dir=%s/" STATE_CACHE, state_dir);
    strv_push(&argv, "--clean");
    strv_push(&argv, path);
    struct proc_setup setup = {.argv = &argv, .in_fd = -1, .out_fd = -1, .err_fd = -1, .new_session = true};
    if (proc_spawn(&setup, &pid, &(struct err){0}) < 0)
        return;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void run_dir_done(struct run_dir *dir)
{
    if (!dir->path)
        return;
    fs_remove_tree(dir->path, NULL);
    free(dir->path);
    fd_close(dir->lock_fd);
    *dir = (struct run_dir){0};
}

static void remove_dead(const char *path, const char *job_program, const char *state_dir)
{
    CLEANUP(mem_freep) char *job_lock = mem_printf("%s/" STATE_LOCK, path);
    CLEANUP(fd_closep) int fd = lock_dir(path);
    int job_fd = -1;
    if (fd < 0 || fs_lock(job_lock, &job_fd, &(struct err){0}) < 0)
        return;
    fs_unlock(job_lock, job_fd);
    run_dir_clean(path, job_program, state_dir);
    fs_remove_tree(path, NULL);
}

void run_dir_remove_dead(const char *state_dir, const char *job_program)
{
    CLEANUP(strv_done) struct strv names = {0};
    if (fs_list_dir(state_dir, &names, &(struct err){0}) < 0)
        return;
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", state_dir, names.items[i]);
        if (strncmp(names.items[i], PREFIX, strlen(PREFIX)) == 0)
            remove_dead(path, job_program, state_dir);
    }
}
