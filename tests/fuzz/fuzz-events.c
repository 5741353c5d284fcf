/*
 * Messages on the events socket, one a line, up to an empty line; after that the report to compare
 * with them.
 */

#include "fuzz.h"

#include "base/utf8.h"
#include "model/events.h"
#include "model/junit.h"

#include <sys/types.h>

#define STOPPED "\1stopped"

/*
 * Handles a message as the job does. `running`: the number of tests that have started but not
 * ended.
 */
static void take(struct events *e, const char *message, int *running)
{
    CLEANUP(mem_freep) char *exact = mem_strndup(message, strlen(message));
    size_t before = events_count(e);
    static const char hello[] = "{\"event\": \"hello\"}";
    if (!events_has_session(e) && !strstr(message, "hello"))
        events_take(e, 1, hello, strlen(hello));
    enum events_kind kind = events_take(e, 1, exact, strlen(exact));
    const struct report_case *c = events_last_ended(e);
    REQUIRE(events_count(e) - before <= 1);
    *running += (kind == EVENTS_START) - (kind == EVENTS_END);
    REQUIRE(*running >= 0); /* an end without a start proves nothing */
    if (kind != EVENTS_END)
        return;
    REQUIRE(c && c->name && c->classname && c->description && c->duration_ms >= 0 && c->cpu_us >= 0);
    REQUIRE(utf8_is_valid(c->name, strlen(c->name)) && utf8_is_valid(c->classname, strlen(c->classname)));
    REQUIRE(utf8_is_valid(c->description, strlen(c->description)));
    events_set_usage(e, 1 + strlen(message), -1);
    REQUIRE(events_last_ended(e)->memory_bytes > 0);
}

static void read_report(struct input text, struct report *ret_report)
{
    struct junit *j = junit_new(&junit_default_limits);
    junit_feed(j, text.data, text.len, NULL);
    junit_finish(j, ret_report, NULL);
    junit_free(j);
}

static bool is_same_test(const struct report_case *a, const struct report_case *b)
{
    return strcmp(a->classname, b->classname) == 0 && strcmp(a->name, b->name) == 0;
}

/*
 * Asserts that events reported each agreed pass: as passed, and never with another outcome. Ended
 * tests in `told` have a measurement, since only an end sets one.
 */
static void check_agreed(const struct report *report, const struct report *told)
{
    for (size_t i = 0; i < report->len; i++) {
        bool is_pass = report_is_pass(report->cases[i].status), is_told = false;
        for (size_t n = 0; n < report->len; n++) /* the worse of two duplicates counts */
            is_pass = is_pass && (!is_same_test(&report->cases[i], &report->cases[n]) ||
                                  report_is_pass(report->cases[n].status));
        for (size_t n = 0; is_pass && n < told->len; n++) {
            const struct report_case *t = &told->cases[n];
            bool has_ended =
                t->memory_bytes && strcmp(t->description, STOPPED) != 0; /* and not started again */
            if (!has_ended || !is_same_test(&report->cases[i], t))
                continue;
            REQUIRE(report_is_pass(t->status));
            is_told = true;
        }
        REQUIRE(!is_pass || is_told);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, size};
    struct events *e = events_new();
    int started = 0;
    for (;;) {
        CLEANUP(mem_freep) char *message = take_text(&in, '\n');
        if (!*message)
            break;
        take(e, message, &started);
    }
    CLEANUP(report_done) struct report report = {0}, told = {0};
    read_report(in, &report);
    CLEANUP(mem_freep) char *fault = events_compare(e, NULL, &report);
    CLEANUP(mem_freep) char *again = events_compare(e, NULL, &report);
    REQUIRE(!fault == !again && (!fault || strncmp(fault, "Report and run disagree: ", 25) == 0));
    size_t count = events_count(e);
    ssize_t running = -1;
    events_report(e, STOPPED, &told, &running);
    REQUIRE(told.len == count && running >= -1 && running < (ssize_t)count);
    REQUIRE(running < 0 || told.cases[running].status == REPORT_FAILED);
    if (!fault && count)
        check_agreed(&report, &told);
    events_free(e);
    return 0;
}
