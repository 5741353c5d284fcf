#include "runner/executor/slot.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "model/state_files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LIMIT_BYTES (1U << 20)

/* ---- log of the job: lines "<level> <event>" ---- */

/* Writes to job.log. Errors are ignored, since the runner's log has the line too. */
static void keep(struct slot *slot, const char *line)
{
    char when[32];
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    if (slot->log_fd < 0 || slot->log_len > LOG_LIMIT_BYTES)
        return;
    log_format_text(&text, line);
    clock_wall_text(when, sizeof(when));
    int n = dprintf(slot->log_fd, "%s %s\n", when, text.data ? text.data : "");
    slot->log_len += (size_t)MAX(n, 0);
}

static void remember(struct slot *slot, const char *complaint)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    log_format_text(&text, complaint);
    free(slot->complaint);
    slot->complaint = buf_take(&text);
}

/* Returns false if the line is not a progress line. */
static bool take_progress(const struct slot *slot, const char *line)
{
    static const char word[] = PROGRESS_WORD " ";
    struct progress progress;
    if (!slot->settings.on_progress || strncmp(line, word, strlen(word)) != 0)
        return false;
    if (progress_parse(line + strlen(word), strlen(line + strlen(word)), &progress))
        slot->settings.on_progress(slot->number, &progress, slot->settings.data);
    return true;
}

/* Continuations of a long line have its level; only the beginning is remembered as an error. */
static void pass_on(const char *line, void *data)
{
    struct slot *slot = data;
    const char *text = line;
    bool is_first = !slot->lines.goes_on;
    if (is_first && take_progress(slot, line))
        return;
    if (is_first) {
        /* unprefixed output comes from a library; log it as a warning */
        slot->level = LOG_LEVEL_WARNING;
        text = log_split_plain(line, &slot->level);
    }
    log_relay(slot->level, slot->work == SLOT_TRIM ? NULL : slot->label, text);
    if (is_first && slot->level >= LOG_LEVEL_WARNING)
        remember(slot, text);
    keep(slot, line);
}

static void on_output(short events, void *data)
{
    struct slot *slot = data;
    char chunk[4096];
    ssize_t n = read(slot->out_fd, chunk, sizeof(chunk));
    if (n > 0)
        lines_add(&slot->lines, chunk, (size_t)n);
    else if (n == 0)
        ev_remove_fd(slot->settings.ev, &slot->out);
}

/* ---- process ---- */

static void push_trim(struct strv *argv, const struct slot_program *program)
{
    strv_push(argv, "--trim");
    strv_pushf(argv, "--cache-size=%llu", (unsigned long long)program->cache_bytes);
    strv_pushf(argv, "--min-free-disk=%llu", (unsigned long long)program->min_free_bytes);
    strv_push(argv, program->cache_dir);
}

static int spawn(struct slot *slot, enum slot_work work, struct err *err)
{
    const struct slot_program *program = slot->settings.program;
    CLEANUP(strv_done) struct strv argv = {0};
    strv_push(&argv, program->path);
    strv_pushf(&argv, "--config=%s", program->config_path);
    strv_pushf(&argv, "--cache-dir=%s", program->cache_dir);
    strv_pushf(&argv, "--slot=%zu", slot->number);
    if (work == SLOT_CLEAN)
        strv_push(&argv, "--clean");
    if (work == SLOT_RUN && program->progress)
        strv_push(&argv, "--progress");
    if (work == SLOT_TRIM)
        push_trim(&argv, program);
    if (work == SLOT_RUN && program->reports)
        strv_push(&argv, "--report");
    if (work != SLOT_TRIM)
        strv_pushf(&argv, "%s/%s", program->jobs_dir, slot->key);
    struct proc_setup setup = {.argv = &argv, .in_fd = -1, .death_signal = SIGTERM, .new_session = true};
    return proc_spawn_piped(&setup, &slot->pid, &slot->out_fd, err);
}

static int open_log(const struct slot *slot, int flags)
{
    CLEANUP(mem_freep)
    char *path = mem_printf("%s/%s/" STATE_JOB_LOG, slot->settings.program->jobs_dir, slot->key);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
}

void slot_init(struct slot *ret_slot, const struct slot_settings *settings, size_t number)
{
    *ret_slot = (struct slot){.settings = *settings, .number = number, .out_fd = -1, .log_fd = -1};
}

static void fill(struct slot *slot, const struct slot_job *job)
{
    slot->start_ms = clock_now_ms();
    slot->lines = (struct lines){slot->line, sizeof(slot->line), pass_on, slot, 0, false};
    slot->key = mem_strdup(job->key);
    slot->label = mem_strdup(job->label);
}

static void on_child_exit(int status, void *data)
{
    struct slot *slot = data;
    slot->pid = 0;
    slot_ended(slot);
    slot->settings.on_end(slot, status, slot->settings.data);
}

int slot_start(struct slot *slot, const struct slot_job *job, struct err *err)
{
    fill(slot, job);
    int r = spawn(slot, job->work, err);
    if (r < 0) {
        slot_release(slot);
        return r;
    }
    if (job->work == SLOT_RUN)
        slot->log_fd = open_log(slot, 0);
    ev_add_fd(slot->settings.ev, &slot->out, slot->out_fd, on_output, slot);
    children_add(slot->settings.children, slot->pid, on_child_exit, slot);
    slot->work = job->work;
    return 0;
}

void slot_take(struct slot *slot, const struct slot_job *job)
{
    fill(slot, job);
    slot->log_fd = open_log(slot, O_TRUNC);
    slot->work = job->work;
}

void slot_feed(struct slot *slot, const char *data, size_t len)
{
    lines_add(&slot->lines, data, len);
}

void slot_stop(const struct slot *slot)
{
    if (slot->work != SLOT_FREE && slot->pid > 0)
        kill(slot->pid, SIGTERM);
}

void slot_ended(struct slot *slot)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(slot->out_fd, chunk, sizeof(chunk))) > 0)
        lines_add(&slot->lines, chunk, (size_t)n);
    lines_end(&slot->lines);
}

void slot_release(struct slot *slot)
{
    if (slot->pid > 0)
        children_remove(slot->settings.children, slot->pid);
    ev_remove_fd(slot->settings.ev, &slot->out);
    fd_close(slot->out_fd);
    fd_close(slot->log_fd);
    free(slot->key);
    free(slot->label);
    free(slot->complaint);
    slot_init(slot, &slot->settings, slot->number);
}
