/*
 * Messages on the control socket of ostest-init, which runs among untrusted processes: a kind, a
 * form (0: valid, 1: with a given length, 2: truncated), the numbers, the text, NUL.
 */

#include "memfile.h"

#include "base/buf.h"
#include "base/fs.h"
#include "job/sandbox_run.h"

#include <fcntl.h>
#include <sys/socket.h>

/* The expected outcome of the valid messages. */
struct expected {
    struct buf report;
    char *changed;
    int status;
    bool started, ended;
};

static void expect(struct expected *want, const struct box_message *m)
{
    want->started = want->started || m->kind == BOX_STARTED;
    want->ended = want->ended || m->kind == BOX_ENDED;
    if (m->kind == BOX_ENDED)
        want->status = m->value;
    if (m->kind == BOX_REPORT_IS)
        buf_append(&want->report, m->text, m->len);
    if (m->kind == BOX_CHANGED) {
        free(want->changed);
        want->changed = mem_strndup(m->text, m->len);
    }
}

static void send_message(struct input *in, int fd, struct expected *want)
{
    static struct box_message m;
    unsigned kind = take_byte(in), form = take_byte(in);
    m.kind = kind == 255 ? UINT32_MAX : kind;
    m.value = (int32_t)take_number(in, 2);
    m.cpu_us = (int64_t)take_number(in, 2);
    m.leftovers = take_byte(in);
    uint32_t given_len = (uint32_t)take_number(in, form == 1 ? 4 : 0);
    size_t cut = form == 2 ? take_byte(in) : 0;
    CLEANUP(mem_freep) char *text = take_text(in, '\0');
    size_t len = MIN(strlen(text), sizeof(m.text));
    memcpy(m.text, text, len);
    m.len = form == 1 ? given_len : (uint32_t)len;
    size_t size = BOX_HEADER_BYTES + len;
    size -= MIN(cut, size - 1);
    REQUIRE(send(fd, &m, size, 0) == (ssize_t)size);
    if (size >= BOX_HEADER_BYTES && m.len <= size - BOX_HEADER_BYTES)
        expect(want, &m);
}

static void check(const struct sandbox_run *s, const char *report_path, const struct expected *want)
{
    CLEANUP(buf_done) struct buf report = BUF_INIT(0);
    REQUIRE(fs_read_file(report_path, 1U << 20, &report, NULL) == 0 && report.len == want->report.len);
    REQUIRE(!report.len || memcmp(report.data, want->report.data, report.len) == 0);
    REQUIRE(s->report_bytes == report.len && s->started == want->started && s->ended == want->ended);
    REQUIRE(!want->ended || s->status == want->status);
    REQUIRE(!want->changed == !s->changed);
    REQUIRE(!want->changed || strcmp(want->changed, s->changed) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct job_options options;
    struct job job = {.options = &options, .dir = "/nowhere"};
    struct input in = {(const char *)data, size};
    struct expected want = {0};
    struct proc_run run = {0};
    struct err err = {0};
    struct sandbox_run sandbox;
    const char *report_path = file_in_memory("", 0);
    sandbox_run_init(&sandbox);
    sandbox.report_fd = open(report_path, O_WRONLY | O_CLOEXEC);
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sandbox.control) == 0);
    sandbox_run_attach(&sandbox, &job, &run);
    while (in.len) {
        send_message(&in, sandbox.control[1], &want);
        REQUIRE(run.channels[0].take(run.channels[0].fd, run.channels[0].data));
    }
    check(&sandbox, report_path, &want);
    int r = sandbox_run_close(&sandbox, &job, &run, &err);
    REQUIRE((r == 0) == !*err.message && (r == 0 ? want.started : true));
    sandbox_run_done(&sandbox);
    buf_done(&want.report);
    free(want.changed);
    return 0;
}
