#include "runner/status/status.h"

#include "base/clock.h"
#include "base/condition.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "model/state_files.h"
#include "runner/status/report_file.h"
#include "runner/status/snapshot.h"
#include "runner/status/web.h"

#include <string.h>
#include <sys/stat.h>

#define MAX_STREAMS   32
#define MIN_GAP_MS    500   /* least time between snapshots */
#define LOOK_AGAIN_MS 5000  /* for changes without an event */
#define TRY_AGAIN_MS  10000 /* listening */
/* Descriptors of the runner, and of each slot: output, log, and those opened temporarily. */
#define OWN_FDS  64
#define SLOT_FDS 4

struct status {
    struct status_settings settings;
    struct route_site site;
    struct web *web; /* NULL: cannot listen */
    struct condition listen_failure;
    struct stream *stream;
    struct board *board;
    struct history *history;
    struct metrics metrics;
    int64_t started_ms;   /* wall clock */
    int64_t published_ms; /* time of the last snapshot */
    struct ev_timer timer;
    struct ev_timer open_timer;
};

/* ---- snapshots ---- */

/* `is_wanted`: publish even if nothing has changed. */
static void publish(struct status *s, bool is_wanted)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    struct snapshot_view view = {0};
    s->settings.look(&view, s->settings.data);
    struct snapshot_parts parts = {.options = s->settings.options,
                                   .spool = s->settings.spool,
                                   .view = &view,
                                   .board = s->board,
                                   .history = s->history,
                                   .metrics = &s->metrics,
                                   .started_ms = s->started_ms};
    snapshot_format(&parts, clock_wall_ms(), &text);
    s->published_ms = clock_now_ms();
    const char *old = stream_text(s->stream);
    size_t len = strlen(snapshot_rest(text.data));
    bool is_news = !old || strncmp(snapshot_rest(old), snapshot_rest(text.data), len) != 0;
    if (is_news || is_wanted)
        stream_publish(s->stream, text.data, text.len);
    else
        stream_beat(s->stream);
}

static void on_timer(void *data);

/* Does nothing without clients. */
static void publish_at(struct status *s, int64_t when_ms)
{
    if (stream_clients(s->stream))
        ev_timer_at(s->settings.ev, &s->timer, when_ms, on_timer, s);
}

static void on_timer(void *data)
{
    struct status *s = data;
    if (!stream_clients(s->stream))
        return;
    publish(s, false);
    web_run(s->web);
    publish_at(s, clock_now_ms() + LOOK_AGAIN_MS);
}

static void changed(struct status *s)
{
    publish_at(s, MAX(s->published_ms + MIN_GAP_MS, clock_now_ms()));
}

/*
 * Called for a new client or request. Clients set their clocks by the snapshot, so it must be
 * recent.
 */
static void refresh(void *data)
{
    struct status *s = data;
    if (clock_now_ms() - s->published_ms >= MIN_GAP_MS || !stream_text(s->stream))
        publish(s, true);
    ev_timer_at(s->settings.ev, &s->timer, s->published_ms + MIN_GAP_MS, on_timer, s);
}

/* ---- events ---- */

void status_claim_answered(struct status *s, enum metrics_claim answer)
{
    if (!s)
        return;
    s->metrics.claims[answer]++;
    changed(s);
}

/* Reads the claim from disk; the mtime of the file is the time of the claim. */
static int read_claim(const struct status *s, const char *key, struct task *ret_task, int64_t *ret_wait_ms)
{
    CLEANUP(mem_freep)
    char *path = mem_printf("%s/" STATE_JOBS "/%s/" STATE_TASK, s->settings.options->state_dir, key);
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    struct stat st;
    if (stat(path, &st) < 0 || fs_read_file(path, TASK_MAX_BYTES, &body, NULL) < 0 || !body.len)
        return -1;
    *ret_wait_ms = clock_wall_ms() - ((int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000);
    return task_parse(body.data, body.len, ret_task, NULL) == TASK_VALID ? 0 : -1;
}

static void on_start(size_t slot, const char *key, const char *label, bool is_run, void *data)
{
    struct status *s = data;
    CLEANUP(task_done) struct task task = {0};
    int64_t wait_ms;
    bool has_claim = is_run && read_claim(s, key, &task, &wait_ms) == 0;
    if (has_claim)
        metrics_observe_ms(&s->metrics.start_wait, wait_ms);
    board_start(s->board, slot, key, label, has_claim ? &task : NULL, clock_wall_ms());
    changed(s);
}

static void on_progress(size_t slot, const struct progress *progress, void *data)
{
    struct status *s = data;
    board_progress(s->board, slot, progress, clock_wall_ms());
    changed(s);
}

static void on_end(size_t slot, void *data)
{
    struct status *s = data;
    board_end(s->board, slot);
    changed(s);
}

static bool read_summary(const char *dir, struct summary *ret_summary)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_SUMMARY, dir);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    return fs_read_file(path, SUMMARY_MAX_BYTES, &text, NULL) == 0 && text.len &&
           summary_parse(text.data, text.len, ret_summary);
}

static enum metrics_outcome outcome_of(const struct summary *summary, bool is_fault)
{
    if (is_fault)
        return METRICS_FAULT;
    if (summary->is_error)
        return METRICS_ERROR;
    return summary->is_passed ? METRICS_PASSED : METRICS_FAILED;
}

static void remember(struct status *s, const char *dir, const char *key, enum metrics_outcome outcome,
                     const struct summary *summary)
{
    CLEANUP(strv_done) struct strv files = {0};
    if (s->settings.options->keep_jobs)
        report_file_list(dir, &files);
    history_add(s->history, key, outcome, summary, &files);
}

static void count(struct metrics *m, const struct summary *summary)
{
    for (size_t i = 0; i < SUMMARY_STAGES; i++)
        if (summary->stages_ms[i])
            metrics_observe_ms(&m->stages[i], summary->stages_ms[i]);
    for (size_t i = 0; i < SUMMARY_LIMITS; i++)
        m->limits[i] += summary->limits[i];
}

static void on_result(const char *key, bool is_fault, void *data)
{
    struct status *s = data;
    CLEANUP(summary_done) struct summary summary = {.is_error = true}; /* if it is missing */
    CLEANUP(mem_freep) char *dir = mem_printf("%s/" STATE_JOBS "/%s", s->settings.options->state_dir, key);
    bool is_known = read_summary(dir, &summary);
    enum metrics_outcome outcome = outcome_of(&summary, is_fault);
    s->metrics.tasks[outcome]++;
    count(&s->metrics, &summary);
    if (is_known)
        remember(s, dir, key, outcome, &summary);
    changed(s);
}

struct jobs_observer status_observer(struct status *status)
{
    return (struct jobs_observer){.on_start = on_start,
                                  .on_progress = on_progress,
                                  .on_end = on_end,
                                  .on_result = on_result,
                                  .data = status};
}

void status_delivered(struct status *s, int http_status)
{
    if (!s)
        return;
    if (http_status >= 0)
        s->metrics.deliveries[metrics_answer_of(http_status)]++;
    changed(s);
}

void status_arrived(struct status *s, int64_t waited_ms)
{
    if (s)
        metrics_observe_ms(&s->metrics.delivery_wait, waited_ms);
}

/* ---- requests ---- */

static const char *not_ready(void *data)
{
    struct status *s = data;
    struct snapshot_view view = {0};
    s->settings.look(&view, s->settings.data);
    return view.closed && *view.closed ? view.closed : NULL;
}

static void put_metrics(struct buf *out, void *data)
{
    struct status *s = data;
    struct metrics_gauges gauges = {
        .slots = (double)board_slots(s->board),
        .slots_busy = (double)board_busy(s->board),
        .spool = (double)spool_len(s->settings.spool),
        .claiming = !not_ready(s),
        .pages = (double)stream_clients(s->stream),
        .start_time_s = (double)s->started_ms / 1000,
    };
    metrics_read_process(&gauges);
    metrics_format(&s->metrics, &gauges, s->settings.options->name, out);
}

/* ---- start and end ---- */

/* Loads the results that an earlier process has kept. */
static void take_up_history(struct status *s)
{
    CLEANUP(mem_freep) char *kept = mem_printf("%s/" STATE_KEPT, s->settings.options->state_dir);
    CLEANUP(strv_done) struct strv names = {0};
    fs_list_dir(kept, &names, NULL);
    for (size_t i = names.len - MIN(names.len, (size_t)HISTORY_RESULTS); i < names.len; i++) {
        CLEANUP(summary_done) struct summary summary = {0};
        CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", kept, names.items[i]);
        CLEANUP(mem_freep) char *key = mem_strndup(names.items[i], strcspn(names.items[i], "."));
        bool is_fault = str_ends_with(names.items[i], ".fault");
        if (task_is_key(key) && read_summary(dir, &summary))
            remember(s, dir, key, outcome_of(&summary, is_fault), &summary);
    }
}

/* A status page that cannot listen does not keep the runner from working. */
static void try_to_open(void *data)
{
    struct status *s = data;
    struct err err = {0};
    struct web_settings settings = {
        .ev = s->settings.ev, .site = s->site, .kept_back_fds = OWN_FDS + SLOT_FDS * board_slots(s->board)};
    if (web_open(&settings, &s->web, &err) < 0) {
        condition_raise(&s->listen_failure, LOG_LEVEL_ERROR, err.message);
        ev_timer_at(s->settings.ev, &s->open_timer, clock_now_ms() + TRY_AGAIN_MS, try_to_open, s);
        return;
    }
    condition_clear(&s->listen_failure);
    CLEANUP(mem_freep) char *address = listen_text(web_address(s->web));
    CLEANUP(mem_freep) char *url = mem_printf("http://%s/", address);
    log_fields(LOG_LEVEL_INFO, NULL, "status page", LOG_TEXT("url", url));
}

struct status *status_new(const struct status_settings *settings)
{
    const char *http = settings->options->http;
    struct listen_address address;
    if (!http || !*http || listen_parse(http, &address) < 0)
        return NULL;
    struct status *s = mem_alloc(sizeof(*s));
    *s = (struct status){
        .settings = *settings,
        .stream = stream_new(MAX_STREAMS),
        .board = board_new((size_t)settings->options->concurrent),
        .history = history_new(),
        .started_ms = clock_wall_ms(),
    };
    s->site = (struct route_site){
        {refresh, put_metrics, not_ready, s}, settings->options->state_dir, s->stream, address};
    take_up_history(s);
    try_to_open(s);
    return s;
}

void status_free(struct status *s)
{
    if (!s)
        return;
    web_close(s->web);
    ev_timer_stop(s->settings.ev, &s->timer);
    ev_timer_stop(s->settings.ev, &s->open_timer);
    stream_free(s->stream);
    board_free(s->board);
    history_free(s->history);
    free(s);
}
