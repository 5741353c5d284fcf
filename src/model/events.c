#include "model/events.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/strv.h"
#include "base/utf8.h"
#include "model/test_index.h"

#include <string.h>

#define DESCRIPTION_MAX_BYTES 16384
/* Maximum per message; an "end" has eight. */
#define MAX_MEMBERS 16

/* ---- node ids ---- */

/*
 * Fills classname and name as pytest's own JUnit report has them:
 * "tests/lab1/test_a.py::B::test_c[x/y]" is classname "tests.lab1.test_a.B", name "test_c[x/y]".
 * Both are shortened like those read from a report.
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

/* ---- the state of each */

enum state { PLANNED, STARTED, ENDED };

struct session {
    unsigned number;
    bool is_finished, has_tests;
};

struct events {
    struct report report;
    struct strv ids; /* parallel to the report's cases, like the states */
    enum state *states;
    struct test_index index;
    size_t ids_bytes;
    uint64_t bytes; /* total size of all messages */
    struct session *sessions;
    size_t sessions_len;
    ssize_t last_started; /* index; -1: none */
    ssize_t last_ended;   /* likewise */
    size_t text_bytes;    /* total size of all descriptions */
    char *fault;          /* the first one; NULL: none; owned */
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
    test_index_done(&e->index);
    strv_done(&e->ids);
    free(e->states);
    free(e->sessions);
    free(e->fault);
    free(e);
}

void events_fault(struct events *e, const char *what)
{
    if (!e->fault)
        e->fault = mem_strdup(what);
}

const char *events_first_fault(const struct events *e)
{
    return e->fault;
}

bool events_has_session(const struct events *e)
{
    return e->sessions_len > 0;
}

/* ---- tests ---- */

static ssize_t add_test(struct events *e, unsigned session, const char *id)
{
    e->ids_bytes += strlen(id);
    if (e->ids.len >= EVENTS_MAX_TESTS || e->ids_bytes > EVENTS_MAX_IDS_BYTES) {
        events_fault(e, "Report and run disagree: the run reported too many tests");
        return -1;
    }
    struct report_case *c = report_add(&e->report);
    split_node_id(id, c);
    c->description = mem_strdup("");
    strv_push(&e->ids, id);
    e->states = mem_resize(e->states, e->report.cap, sizeof(*e->states));
    size_t test = e->ids.len - 1;
    e->states[test] = PLANNED;
    test_index_add(&e->index, session, e->ids.items[test], test);
    return (ssize_t)test;
}

/*
 * Returns the test that starts: one that has not ended, else one that runs again, else a new one
 * that was not planned.
 */
static ssize_t find_starting(struct events *e, unsigned session, const char *id)
{
    ssize_t test = test_index_open(&e->index, session, id);
    if (test < 0)
        test = test_index_reopen(&e->index, session, id);
    return test < 0 ? add_test(e, session, id) : test;
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

/* Takes the names that the report uses for the test, if the suite replaced its node id. */
static void take_names(struct report_case *c, const json_t *event)
{
    const char *classname = json_string_value(json_object_get(event, "classname"));
    const char *name = json_string_value(json_object_get(event, "name"));
    if (!classname || !name)
        return;
    free(c->classname);
    free(c->name);
    c->classname = report_shorten_name(classname, REPORT_NAME_BYTES);
    c->name = report_shorten_name(name, REPORT_NAME_BYTES);
}

static enum events_kind take_start(struct events *e, unsigned session, const char *id)
{
    ssize_t i = find_starting(e, session, id);
    if (i < 0)
        return EVENTS_OTHER;
    e->states[i] = STARTED;
    e->last_started = i;
    return EVENTS_START;
}

/* An end without a start is not accepted. */
static enum events_kind take_end_of(struct events *e, unsigned session, const char *id, const json_t *event)
{
    ssize_t i = test_index_open(&e->index, session, id);
    if (i < 0 || e->states[i] != STARTED) {
        events_fault(e, "Report and run disagree: a test ended that had not started");
        return EVENTS_OTHER;
    }
    e->states[i] = ENDED;
    test_index_end(&e->index, session, id);
    e->last_ended = i;
    take_end(e, &e->report.cases[i], event);
    take_names(&e->report.cases[i], event);
    return EVENTS_END;
}

/* Returns NULL if the session has not begun. */
static struct session *find_session(const struct events *e, unsigned number)
{
    for (size_t i = e->sessions_len; i-- > 0;)
        if (e->sessions[i].number == number)
            return &e->sessions[i];
    return NULL;
}

static void begin_session(struct events *e, unsigned number)
{
    if (e->sessions_len >= EVENTS_MAX_SESSIONS) {
        events_fault(e, "Report and run disagree: too many sessions of pytest");
        return;
    }
    e->sessions = mem_resize(e->sessions, e->sessions_len + 1, sizeof(*e->sessions));
    e->sessions[e->sessions_len++] = (struct session){.number = number};
}

static enum events_kind take_of_test(struct events *e, struct session *s, const char *kind,
                                     const json_t *event)
{
    const char *id = json_string_value(json_object_get(event, "id"));
    if (!id || !*id || strlen(id) > EVENTS_MAX_ID_BYTES) {
        events_fault(e, "Report and run disagree: the run reported a test in a way that is not pytest's");
        return EVENTS_OTHER;
    }
    s->has_tests = true;
    if (strcmp(kind, "start") == 0)
        return take_start(e, s->number, id);
    if (strcmp(kind, "end") == 0)
        return take_end_of(e, s->number, id, event);
    add_test(e, s->number, id);
    return EVENTS_OTHER;
}

static enum events_kind take_event(struct events *e, unsigned session, const json_t *event)
{
    static const char *const of_tests[] = {"plan", "start", "end"};
    const char *kind = json_string_value(json_object_get(event, "event"));
    struct session *s = find_session(e, session);
    bool is_hello = kind && strcmp(kind, "hello") == 0;
    if (!kind || is_hello == (s != NULL) || (s && s->is_finished)) {
        events_fault(e, "Report and run disagree: the run reported its tests in a way that is not pytest's");
        return EVENTS_OTHER;
    }
    if (is_hello)
        begin_session(e, session);
    else if (strcmp(kind, "finish") == 0)
        s->is_finished = true;
    for (size_t i = 0; s && i < ARRAY_LEN(of_tests); i++)
        if (strcmp(kind, of_tests[i]) == 0)
            return take_of_test(e, s, kind, event);
    return EVENTS_OTHER;
}

static bool is_flat(const char *text, size_t len)
{
    bool in_string = false;
    size_t members = 0, objects = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if (c == '[')
            return false;
        members += !in_string && c == ',';
        objects += !in_string && c == '{';
    }
    return members < MAX_MEMBERS && objects == 1;
}

json_t *events_parse(const char *message, size_t len)
{
    json_t *event = NULL;
    if (len > EVENTS_MAX_MESSAGE_BYTES || !is_flat(message, len))
        return NULL;
    return json_parse_object(message, len, &event, NULL) == 0 ? event : NULL;
}

enum events_kind events_take(struct events *e, unsigned session, const char *message, size_t len)
{
    CLEANUP(json_decrefp) json_t *event = NULL;
    e->bytes += len;
    if (e->bytes <= EVENTS_MAX_BYTES)
        event = events_parse(message, len);
    if (event)
        return take_event(e, session, event);
    events_fault(e, "Report and run disagree: the run reported its tests in a way that is not pytest's");
    return EVENTS_OTHER;
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

size_t events_count_ended(const struct events *e)
{
    size_t count = 0;
    for (size_t i = 0; i < e->report.len; i++)
        count += e->states[i] == ENDED;
    return count;
}

static void describe(struct report_case *c, enum report_status status, const char *text)
{
    c->status = status;
    free(c->description);
    c->description = utf8_repair(text, strlen(text));
}

char *events_missed(const struct events *e)
{
    size_t count = 0, first = 0;
    for (size_t i = 0; i < e->ids.len; i++) {
        bool is_missed = e->states[i] != ENDED;
        first = is_missed && !count ? i : first;
        count += is_missed;
    }
    if (!count)
        return NULL;
    CLEANUP(mem_freep) char *name = report_case_name(&e->report.cases[first]);
    const char *what =
        e->states[first] == STARTED ? "started, but did not end" : "was planned, but did not run";
    return count == 1 ? mem_printf("Report and run disagree: %s %s", name, what)
                      : mem_printf("Report and run disagree: %s %s (and %zu more)", name, what, count - 1);
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

/* ---- comparison of report and run */

/*
 * A test that ran, and the worst outcome that the report has for it. If it ran in several sessions,
 * each has a pair, in their order, and the last one holds the reported outcome.
 */
struct pair {
    const struct report_case *told;
    enum report_status reported;
    bool is_reported;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct report_case *x = ((const struct pair *)a)->told, *y = ((const struct pair *)b)->told;
    int order = report_compare_names(x, y);
    return order ? order : (x > y) - (x < y);
}

/* Returns the last pair of this name, or NULL. */
static struct pair *find_last(struct pair *pairs, size_t len, const struct report_case *c)
{
    size_t from = 0, to = len;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (report_compare_names(pairs[middle].told, c) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from && report_compare_names(pairs[from - 1].told, c) == 0 ? &pairs[from - 1] : NULL;
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
 * Assigns the reported outcomes to the tests that ran. Returns a sentence if a test passed in the
 * report without having run. Errors before any test began (a file that cannot be imported) may be
 * in the report alone.
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
        /*
         * pytest reports an error if a test has crashed its worker (pytest-xdist, pytest-forked).
         */
        if (c->status == REPORT_ERROR && p->told->status == REPORT_FAILED)
            c->status = REPORT_FAILED;
        p->reported = p->is_reported ? report_worse(p->reported, c->status) : c->status;
        p->is_reported = true;
        c->memory_bytes = p->told->memory_bytes;
        c->cpu_us = p->told->cpu_us;
    }
    return NULL;
}

/* If there are several sessions, each may have its own report. */
static bool has_one_session(const struct events *e)
{
    size_t count = 0;
    for (size_t i = 0; i < e->sessions_len; i++)
        count += e->sessions[i].has_tests;
    return count <= 1;
}

static bool decides(const struct strv *connected, const struct report_case *c)
{
    for (size_t i = 0; connected && i < connected->len; i++)
        if (report_case_matches(c, connected->items[i]))
            return true;
    return !connected || !connected->len;
}

/*
 * Checks all runs of one test. `hides_failure`: the report has no failure among the tests that
 * decide.
 */
static char *check_runs(const struct events *e, const struct strv *connected, const struct pair *first,
                        const struct pair *last, bool hides_failure)
{
    hides_failure = hides_failure && decides(connected, last->told);
    for (const struct pair *p = first; p <= last && !last->is_reported; p++)
        if (has_one_session(e) || (hides_failure && !report_is_pass(p->told->status)))
            return disagreement(last->told, "ran, but is not in the report");
    for (const struct pair *p = first; p <= last; p++)
        if (last->is_reported && report_is_pass(last->reported) && !report_is_pass(p->told->status))
            return disagreement(p->told, "did not pass, but the report says so");
    return NULL;
}

static char *check_pairs(const struct events *e, const struct strv *connected, const struct pair *pairs,
                         size_t len, bool all_passed)
{
    char *fault = NULL;
    for (size_t i = 0, first = 0; i < len && !fault; i++) {
        bool is_last = i + 1 == len || report_compare_names(pairs[i].told, pairs[i + 1].told) != 0;
        if (!is_last)
            continue;
        fault = check_runs(e, connected, &pairs[first], &pairs[i], all_passed);
        first = i + 1;
    }
    return fault;
}

static bool every_case_passed(const struct strv *connected, const struct report *report)
{
    for (size_t i = 0; i < report->len; i++)
        if (decides(connected, &report->cases[i]) && !report_is_pass(report->cases[i].status))
            return false;
    return true;
}

char *events_compare(const struct events *e, const struct strv *connected, struct report *report)
{
    if (e->fault || !e->sessions_len)
        return mem_strdup(e->fault);
    for (size_t i = 0; i < e->sessions_len; i++)
        if (!e->sessions[i].is_finished)
            return mem_strdup("Report and run disagree: the report was written before the tests had ended");
    CLEANUP(mem_freep) struct pair *pairs = mem_alloc((e->report.len + 1) * sizeof(*pairs));
    size_t len = make_pairs(e, pairs);
    bool all_passed = every_case_passed(connected, report);
    char *fault = take_reported(report, pairs, len);
    return fault ? fault : check_pairs(e, connected, pairs, len, all_passed);
}
