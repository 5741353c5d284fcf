#include "runner/status/history.h"

#include "base/json.h"
#include "runner/status/show.h"

#include <string.h>

#define MAX_KEY_BYTES        255
#define MAX_REPOSITORY_BYTES 300
#define MAX_DETAILS_BYTES    400
#define CLOSING_BYTES        64 /* reserved for the end of the list */

/* Results of the same HISTORY_BIN_S. */
struct bin {
    int64_t number; /* seconds since 1970, divided by HISTORY_BIN_S */
    uint64_t outcomes[METRICS_OUTCOMES];
    int64_t sum_ms, max_ms;
};

struct history {
    char *results[HISTORY_RESULTS]; /* JSON texts; a ring buffer */
    size_t len;
    size_t next; /* index of the next one */
    struct bin bins[HISTORY_BINS];
};

struct history *history_new(void)
{
    return mem_alloc(sizeof(struct history));
}

void history_free(struct history *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < HISTORY_RESULTS; i++)
        free(h->results[i]);
    free(h);
}

size_t history_len(const struct history *h)
{
    return h->len;
}

/* ---- results ---- */

static int64_t total_ms(const struct summary *s)
{
    int64_t ms = 0;
    for (size_t i = 0; i < SUMMARY_STAGES; i++)
        ms += s->stages_ms[i];
    return ms;
}

static void count(struct history *h, enum metrics_outcome outcome, const struct summary *s)
{
    int64_t number = s->finished_s / HISTORY_BIN_S;
    struct bin *bin = &h->bins[(uint64_t)number % HISTORY_BINS];
    if (number < bin->number)
        return; /* older than all bins */
    if (number > bin->number)
        *bin = (struct bin){.number = number};
    bin->outcomes[outcome]++;
    bin->sum_ms += total_ms(s);
    bin->max_ms = MAX(bin->max_ms, total_ms(s));
}

static json_t *stages_of(const struct summary *s)
{
    json_t *stages = json_object();
    for (size_t i = 0; i < SUMMARY_STAGES; i++)
        json_object_set_new(stages, summary_stage_name((enum summary_stage)i), json_integer(s->stages_ms[i]));
    return stages;
}

static json_t *limits_of(const struct summary *s)
{
    json_t *limits = json_array();
    for (size_t i = 0; i < SUMMARY_LIMITS; i++)
        if (s->limits[i])
            json_array_append_new(limits, json_string(summary_limit_name((enum summary_limit)i)));
    return limits;
}

static json_t *files_of(const struct strv *files)
{
    json_t *names = json_array();
    for (size_t i = 0; files && i < files->len; i++)
        json_array_append_new(names, json_string(files->items[i]));
    return names;
}

/* The id is only displayed, so an integer may become a string. */
static void put_id(json_t *o, const char *id_json)
{
    json_t *id = id_json ? json_loads(id_json, JSON_DECODE_ANY, NULL) : NULL;
    json_object_set_new(o, "id", id ? id : json_null());
}

static json_t *result_of(const char *key, enum metrics_outcome outcome, const struct summary *s,
                         const struct strv *files)
{
    json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "outcome", metrics_outcome_name(outcome),
                          "lab", (json_int_t)s->lab, "tests", (json_int_t)s->tests, "testsPassed",
                          (json_int_t)s->tests_passed, "durationMs", (json_int_t)total_ms(s), "finished",
                          (json_int_t)s->finished_s, "memoryBytes", (json_int_t)s->memory_bytes);
    put_id(o, s->id_json);
    show_text(o, "key", key, MAX_KEY_BYTES); /* taken from the name of a directory */
    show_text(o, "repository", s->repository, MAX_REPOSITORY_BYTES);
    show_text(o, "branch", s->branch, MAX_REPOSITORY_BYTES);
    show_text(o, "commit", s->commit, 64);
    show_text(o, "details", s->details, MAX_DETAILS_BYTES);
    json_object_set_new(o, "stagesMs", stages_of(s));
    json_object_set_new(o, "limits", limits_of(s));
    json_object_set_new(o, "files", files_of(files));
    return o;
}

void history_add(struct history *h, const char *key, enum metrics_outcome outcome, const struct summary *s,
                 const struct strv *files)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    show_append(&text, result_of(key, outcome, s, files));
    free(h->results[h->next]);
    h->results[h->next] = buf_take(&text);
    h->next = (h->next + 1) % HISTORY_RESULTS;
    h->len = MIN(h->len + 1, (size_t)HISTORY_RESULTS);
    count(h, outcome, s);
}

/* ---- JSON ---- */

/*
 * Returns rows of [start, passed, failed, error, fault, mean ms, longest ms], oldest first, without
 * empty ones.
 */
static json_t *rows_of(const struct history *h, int64_t now_s)
{
    json_t *rows = json_array();
    int64_t newest = now_s / HISTORY_BIN_S;
    for (int64_t number = newest - HISTORY_BINS + 1; number <= newest; number++) {
        const struct bin *bin = &h->bins[(uint64_t)number % HISTORY_BINS];
        if (bin->number != number)
            continue;
        uint64_t all = 0;
        for (size_t i = 0; i < METRICS_OUTCOMES; i++)
            all += bin->outcomes[i];
        json_array_append_new(
            rows,
            json_pack("[I, I, I, I, I, I, I]", (json_int_t)(number * HISTORY_BIN_S),
                      (json_int_t)bin->outcomes[METRICS_PASSED], (json_int_t)bin->outcomes[METRICS_FAILED],
                      (json_int_t)bin->outcomes[METRICS_ERROR], (json_int_t)bin->outcomes[METRICS_FAULT],
                      bin->sum_ms / (json_int_t)MAX(all, 1U), (json_int_t)bin->max_ms));
    }
    return rows;
}

void history_format(const struct history *h, int64_t now_s, struct buf *out)
{
    buf_printf(out, "\"history\":{\"binSeconds\":%d,\"bins\":%d,\"rows\":", HISTORY_BIN_S, HISTORY_BINS);
    show_append(out, rows_of(h, now_s));
    buf_puts(out, "},\"results\":[");
    for (size_t i = 0; i < h->len; i++) {
        const char *text = h->results[(h->next + HISTORY_RESULTS - 1 - i) % HISTORY_RESULTS];
        if (out->limit && out->len + strlen(text) + CLOSING_BYTES > out->limit)
            break;
        buf_printf(out, "%s%s", i ? "," : "", text);
    }
    buf_puts(out, "]");
}
