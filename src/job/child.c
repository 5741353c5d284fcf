#include "job/child.h"

#include "base/proc.h"

#include <errno.h>
#include <string.h>

#define GRACE_MS 2000

static bool wrote_too_much(const struct child *child, const struct proc_run *run)
{
    bool failed = !run->exited || run->status != 0;
    return failed && child->file_size_bytes && run->err.buf.data &&
           strstr(run->err.buf.data, strerror(EFBIG));
}

char *child_last_words(const struct buf *output, const struct buf *messages)
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

/* Signals that a program does not bring upon itself; SIGBUS: what it had mapped cannot be read. */
static bool is_from_outside(const struct proc_run *run)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGBUS};
    for (size_t i = 0; !run->exited && i < ARRAY_LEN(signals); i++)
        if (run->signal == signals[i])
            return true;
    return false;
}

static int judge(const struct child *child, const struct proc_run *run, struct err *err)
{
    if (run->cancelled)
        return err_set(err, ERR_CANCELLED, ECANCELED, "%s was stopped", child->doing);
    if (run->timed_out)
        return err_set(err, ERR_LIMIT, ETIME, "%s took longer than %.6g s and was stopped", child->doing,
                       (double)child->timeout_ms / 1000);
    if (run->out.dropped_bytes)
        return err_set(err, ERR_LIMIT, EFBIG, "%s gave more than can be taken", child->doing);
    if (wrote_too_much(child, run))
        return err_set(err, ERR_LIMIT, EFBIG, "%s: it is larger than the limit of %llu MB (--disk)",
                       child->doing, (unsigned long long)(child->file_size_bytes >> 20));
    if (run->exited && run->status == 0)
        return 0;
    CLEANUP(mem_freep) char *words = child_last_words(&run->out.buf, &run->err.buf);
    char end[64];
    proc_describe_end(run, end, sizeof(end));
    int code = is_from_outside(run) ? EINTR : EIO;
    return err_set(err, ERR_ENVIRONMENT, code, "%s failed: %s (%s)", child->doing,
                   *words ? words : "it said nothing", end);
}

/* Hands the sink's text on. */
static void take_text(struct proc_sink *sink, struct buf *ret_text)
{
    if (!ret_text) {
        buf_done(&sink->buf);
        return;
    }
    buf_done(ret_text);
    *ret_text = sink->buf;
}

int child_run(const struct child *child, struct buf *ret_output, struct buf *ret_messages, struct err *err)
{
    struct proc_run run = {
        .setup = {.argv = child->argv,
                  .env = child->env,
                  .cwd = child->cwd,
                  .in_fd = -1,
                  .file_size_bytes = child->file_size_bytes},
        .out = {.fd = -1, .limit_bytes = child->output_limit_bytes},
        .err = {.fd = -1, .limit_bytes = child->output_limit_bytes},
        .timeout_ms = child->timeout_ms,
        .grace_ms = GRACE_MS,
        .cancel_fd = child->cancel_fd,
        .keep = child->keep,
        .end_at_limit = true,
    };
    int r = proc_run(&run, err);
    if (r == 0)
        r = judge(child, &run, err);
    else
        err_prefix(err, "%s", child->doing);
    take_text(&run.out, ret_output);
    take_text(&run.err, ret_messages);
    return r;
}
