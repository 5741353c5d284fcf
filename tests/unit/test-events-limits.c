/* What is kept of a run with too many events, and what is a fault. */

#include "model/events.h"

#include "base/buf.h"
#include "base/utf8.h"

#include "test.h"

/* A session has begun. */
static struct events *begin(void)
{
    static const char hello[] = "{\"event\": \"hello\"}";
    struct events *e = events_new();
    events_take(e, 1, hello, sizeof(hello) - 1);
    return e;
}

/* Processes an event of the test "t<number>", with more members. */
static enum events_kind take(struct events *e, const char *kind, size_t number, const char *more)
{
    char text[256];
    int len = snprintf(text, sizeof(text), "{\"event\": \"%s\", \"id\": \"t%zu\"%s}", kind, number, more);
    return events_take(e, 1, text, (size_t)len);
}

static struct report_case *report_of(struct events *e, struct report *report)
{
    ssize_t running;
    events_report(e, "was running", report, &running);
    CHECK_INT(running, -1);
    return report->cases;
}

/* Shuffled like pytest-randomly or pytest-xdist do. */
static void tests_may_run_in_any_order(void)
{
    enum { COUNT = 50000, STEP = 20011 }; /* without a common divisor */
    CLEANUP(report_done) struct report report = {0};
    struct events *e = begin();
    for (size_t i = 0; i < COUNT; i++)
        take(e, "plan", i, "");
    for (size_t i = 0; i < COUNT; i++) {
        take(e, "start", i * STEP % COUNT, "");
        take(e, "end", i * STEP % COUNT, ", \"outcome\": \"passed\"");
    }
    CHECK(events_first_fault(e) == NULL);
    CHECK(events_missed(e) == NULL);
    CHECK_INT(events_count(e), COUNT);
    const struct report_case *cases = report_of(e, &report);
    CHECK_STR(cases[COUNT - 1].name, "t49999");
    CHECK_INT(cases[COUNT - 1].status, REPORT_PASSED);
    events_free(e);
}

static void tests_of_one_name_run_one_after_the_other(void)
{
    enum { COUNT = 50000 };
    CLEANUP(report_done) struct report report = {0};
    struct events *e = begin();
    for (size_t i = 0; i < COUNT; i++)
        take(e, "plan", 0, "");
    for (size_t i = 0; i < COUNT - 1; i++) {
        take(e, "start", 0, "");
        take(e, "end", 0, i == 0 ? ", \"outcome\": \"failed\"" : ", \"outcome\": \"passed\"");
    }
    CLEANUP(mem_freep) char *missed = events_missed(e);
    CHECK_STR(missed, "Report and run disagree: t0 was planned, but did not run");
    take(e, "start", 0, "");
    take(e, "end", 0, ", \"outcome\": \"passed\"");
    CHECK(events_missed(e) == NULL);
    take(e, "start", 0, ""); /* the last one again */
    take(e, "end", 0, ", \"outcome\": \"skipped\"");
    CHECK(events_first_fault(e) == NULL);
    const struct report_case *cases = report_of(e, &report);
    CHECK_INT(report.len, COUNT);
    CHECK_INT(cases[0].status, REPORT_FAILED);
    CHECK_INT(cases[COUNT - 2].status, REPORT_PASSED);
    CHECK_INT(cases[COUNT - 1].status, REPORT_SKIPPED);
    events_free(e);
}

/* Half a million messages, so all of it in one test. */
static void past_the_limit_of_tests_only_those_that_are_known_go_on(void)
{
#ifndef ASAN /* copies at each realloc(3), which takes minutes */
    CLEANUP(report_done) struct report report = {0};
    struct events *e = begin();
    for (size_t i = 0; i < EVENTS_MAX_TESTS; i++)
        take(e, "plan", i, "");
    CHECK_INT(events_count(e), EVENTS_MAX_TESTS);
    CHECK(events_first_fault(e) == NULL);
    take(e, "plan", EVENTS_MAX_TESTS, "");
    take(e, "start", EVENTS_MAX_TESTS, "");
    CHECK_INT(take(e, "end", EVENTS_MAX_TESTS, ", \"outcome\": \"passed\""), EVENTS_OTHER);
    CHECK_CONTAINS(events_first_fault(e), "too many tests");
    CHECK(events_last_ended(e) == NULL);
    CHECK_INT(take(e, "start", 7, ""), EVENTS_START);
    CHECK_INT(take(e, "end", 7, ", \"outcome\": \"passed\""), EVENTS_END);
    CHECK_STR(events_last_ended(e)->name, "t7");
    const struct report_case *cases = report_of(e, &report);
    CHECK_INT(report.len, EVENTS_MAX_TESTS);
    CHECK_INT(cases[7].status, REPORT_PASSED);
    CHECK_INT(cases[EVENTS_MAX_TESTS - 1].status, REPORT_SKIPPED);
    events_free(e);
#endif
}

/* Ends a test with a text of `len` bytes, up to the limit of a message. */
static void end_with_text(struct events *e, size_t number, size_t len)
{
    CLEANUP(mem_freep) char *text = mem_alloc(len + 1);
    memset(text, 'x', len);
    CLEANUP(mem_freep)
    char *message = mem_printf("{\"event\": \"end\", \"id\": \"t%zu\", \"outcome\": \"failed\", \"ms\": 5, "
                               "\"text\": \"%s\"}",
                               number, text);
    CHECK_INT(take(e, "start", number, ""), EVENTS_START);
    CHECK_INT(events_take(e, 1, message, strlen(message)), EVENTS_END);
}

static void past_the_limit_of_texts_a_test_counts_without_its_text(void)
{
    enum { BYTES = 16384, TESTS = EVENTS_MAX_TEXT_BYTES / BYTES + 2 };
    CLEANUP(report_done) struct report report = {0};
    struct events *e = begin();
    for (size_t i = 0; i < TESTS; i++)
        end_with_text(e, i, BYTES);
    const struct report_case *cases = report_of(e, &report);
    CHECK_INT(report.len, TESTS);
    CHECK_INT(strlen(cases[0].description), BYTES);
    CHECK_INT(strlen(cases[TESTS - 2].description), BYTES); /* exceeds the limit */
    CHECK_STR(cases[TESTS - 1].description, "");
    CHECK_INT(cases[TESTS - 1].status, REPORT_FAILED);
    CHECK_INT(cases[TESTS - 1].duration_ms, 5);
    events_free(e);
}

static void a_long_text_is_shortened(void)
{
    CLEANUP(report_done) struct report report = {0};
    struct events *e = begin();
    end_with_text(e, 0, 60000);
    const struct report_case *cases = report_of(e, &report);
    CHECK_CONTAINS(cases[0].description, "bytes left out");
    CHECK(strlen(cases[0].description) < 16384 + 100);
    events_free(e);
}

#define A_TO_E "абвгд"
enum { LETTERS_BYTES = sizeof(A_TO_E) - 1 };

/* "test_x[абвгдабвгд…" past the limit of a name, and then `end`. The caller frees. */
static char *long_name(const char *end)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "test_x[");
    while (b.len < REPORT_NAME_BYTES + 2 * LETTERS_BYTES)
        buf_puts(&b, A_TO_E);
    buf_printf(&b, "%s]", end);
    return buf_take(&b);
}

static void run_test(struct events *e, const char *name, const char *outcome)
{
    CLEANUP(mem_freep) char *start = mem_printf("{\"event\": \"start\", \"id\": \"a.py::%s\"}", name);
    CLEANUP(mem_freep)
    char *end = mem_printf("{\"event\": \"end\", \"id\": \"a.py::%s\", \"outcome\": \"%s\"}", name, outcome);
    events_take(e, 1, start, strlen(start));
    events_take(e, 1, end, strlen(end));
}

static void add_reported(struct report *r, const char *name, enum report_status status)
{
    struct report_case *c = report_add(r);
    c->classname = mem_strdup("a");
    c->name = report_shorten_name(name, REPORT_NAME_BYTES);
    c->description = mem_strdup("");
    c->status = status;
}

/* Compares two tests whose names differ only beyond the cut; NULL: report and run agree. */
static char *compare_long_names(const char *ran, const char *ran_too, enum report_status told,
                                enum report_status told_too)
{
    static const char finish[] = "{\"event\": \"finish\"}";
    CLEANUP(mem_freep) char *one = long_name("1");
    CLEANUP(mem_freep) char *two = long_name("2");
    CLEANUP(report_done) struct report report = {0};
    struct events *e = begin();
    run_test(e, one, ran);
    run_test(e, two, ran_too);
    events_take(e, 1, finish, sizeof(finish) - 1);
    add_reported(&report, one, told);
    add_reported(&report, two, told_too);
    char *fault = events_compare(e, NULL, &report);
    events_free(e);
    return fault;
}

static void long_names_are_cut_as_those_of_the_report(void)
{
    CLEANUP(mem_freep) char *name = long_name("1");
    CLEANUP(report_done) struct report report = {0};
    struct events *e = begin();
    run_test(e, name, "passed");
    const struct report_case *c = report_of(e, &report);
    CHECK_STR(c->classname, "a");
    CHECK_CONTAINS(c->name, "…");
    CHECK(utf8_is_valid(c->name, strlen(c->name)));
    CHECK(strlen(c->name) <= REPORT_NAME_BYTES + strlen("…"));
    events_free(e);
}

static void names_that_differ_past_the_cut_are_compared_together(void)
{
    CLEANUP(mem_freep) char *both = compare_long_names("passed", "passed", REPORT_PASSED, REPORT_PASSED);
    CHECK(both == NULL);
    CLEANUP(mem_freep) char *one = compare_long_names("passed", "failed", REPORT_PASSED, REPORT_FAILED);
    CHECK(one == NULL);
    CLEANUP(mem_freep) char *first = compare_long_names("failed", "passed", REPORT_PASSED, REPORT_PASSED);
    CHECK_CONTAINS(first ? first : "(they agree)", "did not pass, but the report says so");
    CLEANUP(mem_freep) char *second = compare_long_names("passed", "failed", REPORT_PASSED, REPORT_PASSED);
    CHECK_CONTAINS(second ? second : "(they agree)", "did not pass, but the report says so");
}

TEST_MAIN(TEST(long_names_are_cut_as_those_of_the_report),
          TEST(names_that_differ_past_the_cut_are_compared_together), TEST(tests_may_run_in_any_order),
          TEST(tests_of_one_name_run_one_after_the_other),
          TEST(past_the_limit_of_tests_only_those_that_are_known_go_on),
          TEST(past_the_limit_of_texts_a_test_counts_without_its_text), TEST(a_long_text_is_shortened))
