#include "job/run.h"

#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "ostest_pytest.py.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define GRACE_MS   3000
#define TAIL_BYTES 4096

static int create_file(const char *path, int flags, int *ret_fd, struct err *err)
{
    *ret_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600);
    return *ret_fd < 0 ? err_errno(err, errno, "Cannot create %s", path) : 0;
}

static int open_log(const struct job *job, const char *name, int *ret_fd, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", job->dir, name);
    return create_file(path, 0, ret_fd, err);
}

/*
 * The directory of our plugin: one for all tasks, so that python compiles it once, and named by what
 * is in it, so that two versions of the runner get along. The caller frees.
 */
static int plugin_dir(const struct job *job, char **ret_dir, struct err *err)
{
    uint64_t hash = hash_add(HASH_START, ostest_pytest_py, ostest_pytest_py_len);
    CLEANUP(mem_freep) char *dir = mem_printf("%s/plugin/%016llx", job->cache_dir, (unsigned long long)hash);
    CLEANUP(mem_freep) char *path = mem_printf("%s/ostest_pytest.py", dir);
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", dir);
    int lock = -1;
    int r = fs_exists(path) ? 0 : fs_make_dirs(dir, 0755, err);
    if (r == 0 && !fs_exists(path))
        r = fs_lock_wait(lock_path, job->cancel_fd, &lock, err);
    if (r == 0 && !fs_exists(path))
        r = fs_write_atomic(path, ostest_pytest_py, ostest_pytest_py_len, err);
    fs_unlock(lock_path, lock);
    if (r == 0)
        *ret_dir = TAKE_PTR(dir);
    return r;
}

/* Has python load the plugin, and opens the file that it writes to. */
static int prepare_plugin(const struct job *job, enum run_plugin plugin, struct strv *variables,
                          int *ret_events_fd, struct err *err)
{
    CLEANUP(mem_freep) char *dir = NULL;
    int r = plugin_dir(job, &dir, err);
    if (r == 0)
        r = create_file(job->events, O_APPEND, ret_events_fd, err);
    if (r < 0)
        return r;
    strv_pushf(variables, "PYTHONPATH=%s", dir);
    strv_push(variables, "PYTEST_ADDOPTS=-p ostest_pytest");
    strv_pushf(variables, "OSTEST_EVENTS_FD=%d", *ret_events_fd);
    CLEANUP(mem_freep) char *names = strv_join(&job->task.tests, "\n");
    if (plugin == RUN_PLUGIN_SELECTS)
        strv_pushf(variables, "OSTEST_SELECT=%s", names);
    return 0;
}

/* The last line in the file; NULL where there is none. The caller frees. */
static char *last_line_of(int fd)
{
    CLEANUP(buf_done) struct buf tail = BUF_INIT(0);
    off_t size = lseek(fd, 0, SEEK_END);
    lseek(fd, MAX(size - TAIL_BYTES, (off_t)0), SEEK_SET);
    if (fd_read_all(fd, &tail) < 0 || !tail.len)
        return NULL;
    CLEANUP(mem_freep) char *line = buf_last_line(&tail);
    return *line ? TAKE_PTR(line) : NULL;
}

int run_tests(const struct job *job, const struct env *env, const struct strv *argv, enum run_plugin plugin,
              struct run *ret_run, struct err *err)
{
    CLEANUP(fd_closep) int out = -1;
    CLEANUP(fd_closep) int errs = -1;
    CLEANUP(fd_closep) int events = -1;
    CLEANUP(strv_done) struct strv variables = {0};
    int r = open_log(job, "stdout.log", &out, err);
    if (r == 0)
        r = open_log(job, "stderr.log", &errs, err);
    strv_extend(&variables, &env->variables);
    if (r == 0 && plugin != RUN_PLUGIN_NONE)
        r = prepare_plugin(job, plugin, &variables, &events, err);
    if (r < 0)
        return r;
    ret_run->proc = (struct proc_run){
        .setup =
            {.argv = argv, .env = &variables, .cwd = job->tests, .in_fd = -1, .extra_fd = MAX(events, 0)},
        .out = {.fd = out, .limit_bytes = job->options->output_bytes},
        .err = {.fd = errs, .limit_bytes = job->options->output_bytes},
        .timeout_ms = job->options->timeout_ms,
        .grace_ms = GRACE_MS,
        .sample_ms = job->options->sample_ms,
        .cancel_fd = job->cancel_fd,
    };
    r = proc_run(&ret_run->proc, err);
    if (r < 0)
        return r;
    if (ret_run->proc.cancelled)
        return err_set(err, ERR_CANCELLED, ECANCELED, "The test run was stopped");
    ret_run->last_words = last_line_of(errs);
    if (!ret_run->last_words)
        ret_run->last_words = last_line_of(out);
    return 0;
}

void run_done(struct run *run)
{
    free(run->last_words);
    run->last_words = NULL;
}
