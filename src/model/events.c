#include "model/events.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/strv.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

#define DESCRIPTION_MAX_BYTES 16384
/* So far from the last event's place a test is looked for; one that is not found is a new one. */
#define SEARCH_WINDOW ((size_t)20000)

/* ---- node ids ---- */

/*
 * classname and name as pytest's own JUnit report has them: "tests/lab1/test_a.py::B::test_c[x/y]"
 * is classname "tests.lab1.test_a.B", name "test_c[x/y]".
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
    c->classname = buf_take(&class);
    c->name = mem_strdup(name);
}

/* ---- what is known of each test ---- */

enum state { PLANNED, STARTED, ENDED };

/* Beside the report's cases, at the same index. */
struct progress {
    struct report *report;
    struct strv ids;
    enum state *states;
    size_t cursor; /* tests mostly come in the order of the plan */
};

static void progress_done(struct progress *p)
{
    strv_done(&p->ids);
    free(p->states);
}

static ssize_t find(struct progress *p, const char *id)
{
    for (size_t n = 0; n < MIN(p->ids.len, SEARCH_WINDOW); n++) {
        size_t i = (p->cursor + n) % p->ids.len;
        if (strcmp(p->ids.items[i], id) != 0)
            continue;
        p->cursor = i;
        return (ssize_t)i;
    }
    return -1;
}

static ssize_t find_or_add(struct progress *p, const char *id, bool is_plan)
{
    ssize_t found = is_plan ? -1 : find(p, id);
    if (found >= 0 || p->ids.len >= EVENTS_MAX_TESTS)
        return found;
    struct report_case *c = report_add(p->report);
    split_node_id(id, c);
    c->description = mem_strdup("");
    strv_push(&p->ids, id);
    p->states = mem_resize(p->states, p->report->cap, sizeof(*p->states));
    p->states[p->ids.len - 1] = PLANNED;
    return (ssize_t)p->ids.len - 1;
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

static void take_end(struct report_case *c, const json_t *event)
{
    const json_t *text = json_object_get(event, "text");
    json_int_t ms = json_integer_value(json_object_get(event, "ms"));
    c->status = status_of(json_string_value(json_object_get(event, "outcome")));
    c->duration_ms = MAX(ms, (json_int_t)0);
    free(c->description);
    c->description = report_shorten(json_is_string(text) ? json_string_value(text) : "",
                                    json_string_length(text), DESCRIPTION_MAX_BYTES);
}

static void take_event(struct progress *p, const json_t *event)
{
    const char *kind = json_string_value(json_object_get(event, "event"));
    const char *id = json_string_value(json_object_get(event, "id"));
    if (!kind || !id || !*id)
        return;
    bool is_plan = strcmp(kind, "plan") == 0, is_start = strcmp(kind, "start") == 0,
         is_end = strcmp(kind, "end") == 0;
    if (!is_plan && !is_start && !is_end)
        return;
    ssize_t i = find_or_add(p, id, is_plan);
    if (i < 0)
        return;
    if (is_start)
        p->states[i] = STARTED;
    if (is_end && p->states[i] == STARTED) {
        p->states[i] = ENDED;
        take_end(&p->report->cases[i], event);
    }
}

static void describe(struct report_case *c, enum report_status status, const char *text)
{
    c->status = status;
    free(c->description);
    c->description = utf8_repair(text, strlen(text));
}

int events_report(const char *text, size_t len, const char *why_stopped, struct report *ret_report,
                  ssize_t *ret_running, struct err *err)
{
    CLEANUP(progress_done) struct progress p = {.report = ret_report};
    *ret_running = -1;
    if (len > EVENTS_MAX_BYTES)
        return err_set(err, ERR_LIMIT, EFBIG, "The tests told more than %u bytes of events",
                       EVENTS_MAX_BYTES);
    for (const char *line = text, *end = text + len; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t line_len = (size_t)((newline ? newline : end) - line);
        CLEANUP(json_decrefp) json_t *event = NULL;
        if (newline && line_len <= EVENTS_MAX_LINE_BYTES &&
            json_parse_object(line, line_len, &event, NULL) == 0)
            take_event(&p, event);
        line += line_len + 1;
    }
    for (size_t i = 0; i < p.ids.len; i++) {
        if (p.states[i] == STARTED) {
            describe(&ret_report->cases[i], REPORT_FAILED, why_stopped);
            *ret_running = (ssize_t)i;
        } else if (p.states[i] == PLANNED) {
            describe(&ret_report->cases[i], REPORT_SKIPPED, "not run");
        }
    }
    return 0;
}
