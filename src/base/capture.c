#include "base/capture.h"

#include "base/proc.h"

#include <errno.h>
#include <string.h>

#define GRACE_MS 2000

static bool wrote_too_much(const struct capture *c, const struct proc_run *run)
{
    bool failed = !run->exited || run->status != 0;
    return failed && c->file_size_bytes && run->err.buf.data && strstr(run->err.buf.data, strerror(EFBIG));
}

char *capture_last_words(const struct buf *output, const struct buf *messages)
{
    const struct buf *text = messages->len ? messages : output;
    const char *found = NULL;
    for (const char *p = text->len ? text->data : NULL; p && (p = strstr(p, "rror: ")); p++)
        found = p;
    if (!found)
        return buf_last_line(text);
    while (found > text->data && found[-1] != '\n')
        found--;
    return mem_strndup(found, strcspn(found, "\n"));
}

/*
 * Returns true for signals that a program does not cause itself; SIGBUS: a mapped file cannot be
 * read.
 */
static bool is_from_outside(const struct proc_run *run)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGBUS};
    for (size_t i = 0; !run->exited && i < ARRAY_LEN(signals); i++)
        if (run->signal == signals[i])
            return true;
    return false;
}

static int judge(const struct capture *c, const struct proc_run *run, struct err *err)
{
    if (run->cancelled)
        return err_set(err, ERR_CANCELLED, ECANCELED, "%s was stopped", c->doing);
    if (run->timed_out)
        return err_set(err, ERR_LIMIT, ETIME, "%s took longer than %.6g s and was stopped", c->doing,
                       (double)c->timeout_ms / 1000);
    if (run->out.dropped_bytes && !c->cut_output)
        return err_set(err, ERR_LIMIT, EFBIG, "%s produced more than %zu KB of output", c->doing,
                       c->output_limit_bytes >> 10);
    if (wrote_too_much(c, run))
        return err_set(err, ERR_LIMIT, EFBIG, "%s: it is larger than the limit of %llu MB (%s)", c->doing,
                       (unsigned long long)(c->file_size_bytes >> 20), c->file_size_option);
    if (run->exited && run->status == 0)
        return 0;
    CLEANUP(mem_freep) char *words = capture_last_words(&run->out.buf, &run->err.buf);
    char end[64];
    proc_describe_end(run, end, sizeof(end));
    int code = is_from_outside(run) ? EINTR : EIO;
    return err_set(err, ERR_ENVIRONMENT, code, "%s failed: %s (%s)", c->doing,
                   *words ? words : "it said nothing", end);
}

static void take_text(struct proc_sink *sink, struct buf *ret_text)
{
    if (!ret_text) {
        buf_done(&sink->buf);
        return;
    }
    buf_done(ret_text);
    *ret_text = sink->buf;
}

int capture_run(const struct capture *c, struct buf *ret_output, struct buf *ret_messages, struct err *err)
{
    struct proc_run run = {
        .setup = {.argv = c->argv,
                  .env = c->env,
                  .cwd = c->cwd,
                  .in_fd = -1,
                  .file_size_bytes = c->file_size_bytes},
        .out = {.fd = -1, .limit_bytes = c->output_limit_bytes},
        .err = {.fd = -1, .limit_bytes = c->output_limit_bytes},
        .timeout_ms = c->timeout_ms,
        .grace_ms = GRACE_MS,
        .cancel_fd = c->cancel_fd,
        .keep = c->keep,
        .end_at_limit = !c->cut_output,
    };
    int r = proc_run(&run, err);
    if (r == 0)
        r = judge(c, &run, err);
    else
        err_prefix(err, "%s", c->doing);
    take_text(&run.out, ret_output);
    take_text(&run.err, ret_messages);
    return r;
}
