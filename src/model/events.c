#include "model/events.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/strv.h"
#include "base/utf8.h"

#include <string.h>

#define DESCRIPTION_MAX_BYTES 16384
/* So far from the last event's place a test is looked for; one that is not found is a new one. */
#define SEARCH_WINDOW ((size_t)20000)

/* ---- node ids ---- */

/*
 * classname and name as pytest's own JUnit report has them: "tests/lab1/test_a.py::B::test_c[x/y]"
 * is classname "tests.lab1.test_a.B", name "test_c[x/y]". Both are cut as those that are read from it.
 */
static void split_node_id(const char *id, struct report_case *c)
{
    size_t address = strcspn(id, "[");
    const char *name = id;
    for (const char *p = id; (p = strstr(p, "::")) && p < id + address; p += 2)
        name = p + 2;
    size_t class_len = name > id ? (size_t)(name - id) - 2 : 0;
    struct buf class = BUF_INIT(0);
    for (size_t i = 0; i < class_len; i++) {
        bool is_separator = strncmp(id + i, "::", 2) == 0;
        bool is_suffix = strncmp(id + i, ".py", 3) == 0 && (i + 3 == class_len || id[i + 3] == ':');
        if (is_suffix)
            i += 2;
        else
            buf_puts(&class, is_separator || id[i] == '/' ? "." : (char[]){id[i], '\0'});
        i += is_separator;
    }
    CLEANUP(mem_freep) char *classname = buf_take(&class);
    c->classname = report_shorten_name(classname, REPORT_NAME_BYTES);
    c->name = report_shorten_name(name, REPORT_NAME_BYTES);
}

/* ---- what is known of each test ---- */

enum state { PLANNED, STARTED, ENDED };

struct events {
    struct report report;
    struct strv ids; /* like the next one, beside the report's cases, at the same index */
    enum state *states;
    size_t cursor;        /* tests mostly come in the order of the plan */
    ssize_t last_started; /* index; -1: none */
    ssize_t last_ended;   /* likewise */
    size_t text_bytes;    /* of all descriptions */
    bool is_begun;
    unsigned finishes;
    bool is_incomplete; /* an event was too long to be told */
};

struct events *events_new(void)
{
    struct events *e = mem_alloc(sizeof(*e));
    e->last_ended = e->last_started = -1;
    return e;
}

void events_free(struct events *e)
{
    if (!e)
        return;
    report_done(&e->report);
    strv_done(&e->ids);
    free(e->states);
    free(e);
}

static ssize_t find(struct events *e, const char *id)
{
    for (size_t n = 0; n < MIN(e->ids.len, SEARCH_WINDOW); n++) {
        size_t i = (e->cursor + n) % e->ids.len;
        if (strcmp(e->ids.items[i], id) != 0)
            continue;
        e->cursor = i;
        return (ssize_t)i;
    }
    return -1;
}

static ssize_t find_or_add(struct events *e, const char *id, bool is_plan)
{
    ssize_t found = is_plan ? -1 : find(e, id);
    if (found >= 0 || e->ids.len >= EVENTS_MAX_TESTS)
        return found;
    struct report_case *c = report_add(&e->report);
    split_node_id(id, c);
    c->description = mem_strdup("");
    strv_push(&e->ids, id);
    e->states = mem_resize(e->states, e->report.cap, sizeof(*e->states));
    e->states[e->ids.len - 1] = PLANNED;
    return (ssize_t)e->ids.len - 1;
}

/* ---- events ---- */

static enum report_status status_of(const char *outcome)
{
    static const struct {
        const char *word;
        enum report_status status;
    } words[] = {{"passed", REPORT_PASSED},
                 {"failed", REPORT_FAILED},
                 {"skipped", REPORT_SKIPPED},
                 {"xfailed", REPORT_XFAILED}};
    for (size_t i = 0; outcome && i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, outcome) == 0)
            return words[i].status;
    return REPORT_ERROR;
}

static int64_t positive(const json_t *event, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(event, key));
    return MAX(number, (json_int_t)0);
}

static void take_end(struct events *e, struct report_case *c, const json_t *event)
{
    const json_t *text = json_object_get(event, "text");
    c->status = status_of(json_string_value(json_object_get(event, "outcome")));
    c->duration_ms = positive(event, "ms");
    c->cpu_us = positive(event, "cpu_us");
    if (!json_is_string(text) || e->text_bytes > EVENTS_MAX_TEXT_BYTES)
        return;
    free(c->description);
    c->description = report_shorten(json_string_value(text), json_string_length(text), DESCRIPTION_MAX_BYTES);
    e->text_bytes += strlen(c->description);
}

static enum events_kind take_event(struct events *e, const json_t *event)
{
    const char *kind = json_string_value(json_object_get(event, "event"));
    const char *id = json_string_value(json_object_get(event, "id"));
    if (kind && strcmp(kind, "hello") == 0)
        e->is_begun = true;
    if (kind && strcmp(kind, "finish") == 0)
        e->finishes++;
    if (kind && strcmp(kind, "lost") == 0)
        e->is_incomplete = true;
    if (!kind || !id || !*id)
        return EVENTS_OTHER;
    bool is_plan = strcmp(kind, "plan") == 0, is_start = strcmp(kind, "start") == 0,
         is_end = strcmp(kind, "end") == 0;
    ssize_t i = is_plan || is_start || is_end ? find_or_add(e, id, is_plan) : -1;
    if (is_start && i >= 0) {
        e->states[i] = STARTED;
        e->last_started = i;
    }
    if (is_end && i >= 0 && e->states[i] == STARTED) {
        e->states[i] = ENDED;
        e->last_ended = i;
        take_end(e, &e->report.cases[i], event);
        return EVENTS_END;
    }
    return is_start ? EVENTS_START : EVENTS_OTHER;
}

enum events_kind events_take(struct events *e, const char *message, size_t len)
{
    CLEANUP(json_decrefp) json_t *event = NULL;
    if (len > EVENTS_MAX_MESSAGE_BYTES || json_parse_object(message, len, &event, NULL) < 0)
        return EVENTS_OTHER;
    return take_event(e, event);
}

void events_set_usage(struct events *e, uint64_t memory_bytes, int64_t cpu_us)
{
    if (e->last_ended < 0)
        return;
    struct report_case *c = &e->report.cases[e->last_ended];
    c->memory_bytes = memory_bytes;
    if (cpu_us >= 0)
        c->cpu_us = cpu_us;
}

const struct report_case *events_last_started(const struct events *e)
{
    return e->last_started < 0 ? NULL : &e->report.cases[e->last_started];
}

const struct report_case *events_last_ended(const struct events *e)
{
    return e->last_ended < 0 ? NULL : &e->report.cases[e->last_ended];
}

size_t events_count(const struct events *e)
{
    return e->report.len;
}

static void describe(struct report_case *c, enum report_status status, const char *text)
{
    c->status = status;
    free(c->description);
    c->description = utf8_repair(text, strlen(text));
}

void events_report(struct events *e, const char *why_stopped, struct report *ret_report, ssize_t *ret_running)
{
    *ret_running = -1;
    for (size_t i = 0; i < e->ids.len; i++) {
        if (e->states[i] == STARTED) {
            describe(&e->report.cases[i], REPORT_FAILED, why_stopped);
            *ret_running = (ssize_t)i;
        } else if (e->states[i] == PLANNED) {
            describe(&e->report.cases[i], REPORT_SKIPPED, "not run");
        }
    }
    *ret_report = e->report;
    e->report = (struct report){0};
    e->last_ended = e->last_started = -1;
}

/* ---- report and run ---- */

/*
 * A test that ran, and the worst that the report says of it. Where one ran in several sessions, there is
 * a pair for each, in their order, and the last has what is reported.
 */
struct pair {
    const struct report_case *told;
    enum report_status reported;
    bool is_reported;
};

static int compare_names(const struct report_case *a, const struct report_case *b)
{
    int order = strcmp(a->classname, b->classname);
    return order ? order : strcmp(a->name, b->name);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct report_case *x = ((const struct pair *)a)->told, *y = ((const struct pair *)b)->told;
    int order = compare_names(x, y);
    return order ? order : (x > y) - (x < y);
}

/* The last pair of this name; NULL: none. */
static struct pair *find_last(struct pair *pairs, size_t len, const struct report_case *c)
{
    size_t from = 0, to = len;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare_names(pairs[middle].told, c) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from && compare_names(pairs[from - 1].told, c) == 0 ? &pairs[from - 1] : NULL;
}

static size_t make_pairs(const struct events *e, struct pair *pairs)
{
    size_t len = 0;
    for (size_t i = 0; i < e->report.len; i++)
        if (e->states[i] == ENDED)
            pairs[len++].told = &e->report.cases[i];
    if (len)
        qsort(pairs, len, sizeof(*pairs), compare_pairs);
    return len;
}

static char *disagreement(const struct report_case *c, const char *what)
{
    CLEANUP(mem_freep) char *name = report_case_name(c);
    return mem_printf("Report and run disagree: %s %s", name, what);
}

/*
 * Gives what is reported to the tests that were told of. One that was not told of is a fault where it
 * passed; what went wrong before any test began (a file that cannot be imported) is reported as well.
 */
static char *take_reported(struct report *report, struct pair *pairs, size_t len)
{
    for (size_t i = 0; i < report->len; i++) {
        struct report_case *c = &report->cases[i];
        struct pair *p = find_last(pairs, len, c);
        if (!p && report_is_pass(c->status))
            return disagreement(c, "is in the report, but did not run to its end");
        if (!p)
            continue;
        p->reported = p->is_reported ? report_worse(p->reported, c->status) : c->status;
        p->is_reported = true;
        c->memory_bytes = p->told->memory_bytes;
        c->cpu_us = p->told->cpu_us;
    }
    return NULL;
}

/* Of one test: each time that it ran. */
static char *check_runs(const struct events *e, const struct pair *first, const struct pair *last)
{
    if (!last->is_reported && e->finishes == 1) /* of several sessions, each may have its own report */
        return disagreement(last->told, "ran, but is not in the report");
    for (const struct pair *p = first; p <= last; p++)
        if (last->is_reported && report_is_pass(last->reported) && !report_is_pass(p->told->status))
            return disagreement(p->told, "did not pass, but the report says so");
    return NULL;
}

static char *check_pairs(const struct events *e, const struct pair *pairs, size_t len)
{
    char *fault = NULL;
    for (size_t i = 0, first = 0; i < len && !fault; i++) {
        bool is_last = i + 1 == len || compare_names(pairs[i].told, pairs[i + 1].told) != 0;
        if (!is_last)
            continue;
        fault = check_runs(e, &pairs[first], &pairs[i]);
        first = i + 1;
    }
    return fault;
}

char *events_compare(const struct events *e, struct report *report)
{
    if (e->is_incomplete || (!e->is_begun && !e->report.len))
        return NULL;
    if (!e->finishes)
        return mem_strdup("Report and run disagree: the report was there before the tests had ended");
    CLEANUP(mem_freep) struct pair *pairs = mem_alloc((e->report.len + 1) * sizeof(*pairs));
    size_t len = make_pairs(e, pairs);
    char *fault = take_reported(report, pairs, len);
    return fault ? fault : check_pairs(e, pairs, len);
}
