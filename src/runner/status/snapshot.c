#include "runner/status/snapshot.h"

#include "base/clock.h"
#include "base/url.h"
#include "runner/status/show.h"

#include <string.h>

#define MAX_TEXT_BYTES  1000
#define MAX_SLOTS_BYTES ((size_t)96 << 10)
#define MAX_DELIVERIES  20
#define MAX_NAME_BYTES  256

static void put_members(struct buf *out, json_t *object)
{
    struct buf text = BUF_INIT(0);
    show_append(&text, object);
    buf_append(out, text.data + 1, text.len - 2); /* without the braces */
    buf_done(&text);
}

static json_t *text_or_null(const char *text)
{
    json_t *o = json_object();
    show_text(o, "text", text && *text ? text : NULL, MAX_TEXT_BYTES);
    json_t *value = json_incref(json_object_get(o, "text"));
    json_decref(o);
    return value;
}

static json_t *troubles_of(const struct snapshot_view *v)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "claims", text_or_null(v->claim_condition), "deliveries",
                     text_or_null(v->delivery_condition), "login", text_or_null(v->login_condition), "disk",
                     text_or_null(v->disk_condition));
}

static json_t *runner_of(const struct snapshot_parts *p)
{
    const struct options *options = p->options;
    CLEANUP(mem_freep) char *backend = url_without_userinfo(options->backend_url);
    json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "version", PROJECT_VERSION, "startedMs",
                          (json_int_t)p->started_ms, "slotsTotal", (json_int_t)board_slots(p->board),
                          "slotsBusy", (json_int_t)board_busy(p->board), "timeoutMs",
                          (json_int_t)options->job.timeout_ms, "memoryLimitBytes",
                          (json_int_t)options->job.memory_bytes, "stopping", p->view->is_stopping);
    show_text(o, "name", options->name, MAX_NAME_BYTES);
    show_text(o, "backend", backend, MAX_TEXT_BYTES);
    json_object_set_new(o, "closed", text_or_null(p->view->closed));
    json_object_set_new(o, "troubles", troubles_of(p->view));
    return o;
}

static json_t *tasks_of(const struct metrics *m)
{
    json_t *o = json_object();
    for (size_t i = 0; i < METRICS_OUTCOMES; i++)
        json_object_set_new(o, metrics_outcome_name((enum metrics_outcome)i),
                            json_integer((json_int_t)m->tasks[i]));
    return o;
}

/* Times in the spool are monotonic. */
static json_t *deliveries_of(const struct spool *spool, int64_t now_ms)
{
    int64_t offset_ms = now_ms - clock_now_ms();
    json_t *entries = json_array();
    for (size_t i = 0; i < MIN(spool_len(spool), (size_t)MAX_DELIVERIES); i++) {
        const struct spool_entry *e = spool_at(spool, i);
        int64_t next_ms = e->not_before_ms ? e->not_before_ms + offset_ms : 0;
        json_array_append_new(entries,
                              json_pack("{s:s, s:I, s:I, s:I, s:b}", "key", e->key, "sinceMs",
                                        (json_int_t)(e->added_ms + offset_ms), "nextMs", (json_int_t)next_ms,
                                        "failures", (json_int_t)e->failures, "inFlight", e->in_flight));
    }
    return json_pack("{s:I, s:o}", "waiting", (json_int_t)spool_len(spool), "first", entries);
}

void snapshot_format(const struct snapshot_parts *p, int64_t now_ms, struct buf *out)
{
    out->limit = SNAPSHOT_MAX_BYTES;
    buf_printf(out, "{\"now\":%lld,", (long long)now_ms);
    put_members(out, runner_of(p));
    buf_puts(out, ",");
    put_members(out, json_pack("{s:o, s:o}", "tasks", tasks_of(p->metrics), "deliveries",
                               deliveries_of(p->spool, now_ms)));
    buf_puts(out, ",");
    board_format(p->board, MAX_SLOTS_BYTES, out);
    buf_puts(out, ",");
    history_format(p->history, now_ms / 1000, out);
    buf_puts(out, "}");
}

const char *snapshot_rest(const char *text)
{
    return strchr(text, ',');
}
