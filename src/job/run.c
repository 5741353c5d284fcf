#include "job/run.h"

#include "base/fd.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define GRACE_MS 3000
#define TAIL_BYTES 4096

static int open_log(const struct job *job, const char *name, int *ret_fd, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", job->dir, name);
    *ret_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? err_errno(err, errno, "Cannot create %s", path) : 0;
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

int run_tests(const struct job *job, const struct env *env, const struct strv *argv, struct run *ret_run,
              struct err *err)
{
    CLEANUP(fd_closep) int out = -1;
    CLEANUP(fd_closep) int errs = -1;
    CLEANUP(mem_freep) char *tmp = mem_printf("%s/tmp", job->home);
    int r = fs_make_dirs(tmp, 0700, err);
    if (r == 0)
        r = open_log(job, "stdout.log", &out, err);
    if (r == 0)
        r = open_log(job, "stderr.log", &errs, err);
    if (r < 0)
        return r;
    ret_run->proc = (struct proc_run){
        .setup = {.argv = argv, .env = &env->variables, .cwd = job->tests, .in_fd = -1},
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
