#include "model/events.h"

#include "test.h"

/* A run of three tests of which the second one was running when it was stopped. */
#define PLAN \
    "{\"event\": \"plan\", \"id\": \"tests/lab1/test_a.py::test_one\"}\n" \
    "{\"event\": \"plan\", \"id\": \"tests/lab1/test_a.py::TestB::test_two[src/main.c::x]\"}\n" \
    "{\"event\": \"plan\", \"id\": \"tests/test_c.py::test_three\"}\n"
#define FIRST_ENDED \
    "{\"event\": \"start\", \"id\": \"tests/lab1/test_a.py::test_one\"}\n" \
    "{\"event\": \"end\", \"id\": \"tests/lab1/test_a.py::test_one\", \"outcome\": \"failed\", \"ms\": 42, " \
    "\"text\": \"E  assert 1 == 2\"}\n"
#define SECOND_STARTED \
    "{\"event\": \"start\", \"id\": \"tests/lab1/test_a.py::TestB::test_two[src/main.c::x]\"}\n"

static ssize_t parse(const char *text, struct report *ret_report)
{
    ssize_t running;
    *ret_report = (struct report){0};
    CHECK_INT(events_report(text, strlen(text), "was running", ret_report, &running, NULL), 0);
    return running;
}

static void tests_are_reported_as_far_as_they_came(void)
{
    struct report r;
    CHECK_INT(parse(PLAN FIRST_ENDED SECOND_STARTED, &r), 1);
    CHECK_INT(r.len, 3);
    CHECK_INT(r.cases[0].status, REPORT_FAILED);
    CHECK_STR(r.cases[0].description, "E  assert 1 == 2");
    CHECK_INT(r.cases[0].duration_ms, 42);
    CHECK_INT(r.cases[1].status, REPORT_FAILED);
    CHECK_STR(r.cases[1].description, "was running");
    CHECK_INT(r.cases[2].status, REPORT_SKIPPED);
    CHECK_STR(r.cases[2].description, "not run");
    report_done(&r);
}

static void node_ids_become_the_names_of_pytests_own_report(void)
{
    struct report r;
    parse(PLAN, &r);
    CHECK_STR(r.cases[0].classname, "tests.lab1.test_a");
    CHECK_STR(r.cases[0].name, "test_one");
    CHECK_STR(r.cases[1].classname, "tests.lab1.test_a.TestB");
    CHECK_STR(r.cases[1].name, "test_two[src/main.c::x]");
    report_done(&r);
}

static void every_outcome_is_known(void)
{
    static const struct {
        const char *word;
        enum report_status status;
    } rows[] = {{"passed", REPORT_PASSED},   {"failed", REPORT_FAILED},   {"error", REPORT_ERROR},
                {"skipped", REPORT_SKIPPED}, {"xfailed", REPORT_XFAILED}, {"splendid", REPORT_ERROR}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct report r;
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"event\": \"start\", \"id\": \"t\"}\n{\"event\": \"end\", \"id\": \"t\", \"outcome\": "
                 "\"%s\"}\n",
                 rows[i].word);
        CHECK_INT(parse(text, &r), -1);
        CHECK_INT(r.cases[0].status, rows[i].status);
        report_done(&r);
    }
}

static void an_end_without_a_start_proves_nothing(void)
{
    struct report r;
    parse("{\"event\": \"plan\", \"id\": \"t\"}\n{\"event\": \"end\", \"id\": \"t\", \"outcome\": "
          "\"passed\"}\n",
          &r);
    CHECK_INT(r.cases[0].status, REPORT_SKIPPED);
    report_done(&r);
}

static void what_is_no_event_is_passed_over(void)
{
    struct report r;
    parse("nonsense\n[]\n{}\n{\"event\": 1}\n{\"event\": \"plan\"}\n{\"event\": \"plan\", \"id\": \"\"}\n\n"
          "{\"event\": \"dance\", \"id\": \"t\"}\n" FIRST_ENDED "{\"event\": \"start\", \"id\": \"cut of",
          &r);
    CHECK_INT(r.len, 1);
    CHECK_INT(r.cases[0].status, REPORT_FAILED);
    report_done(&r);
}

static void a_negative_duration_is_none(void)
{
    struct report r;
    parse("{\"event\": \"start\", \"id\": \"t\"}\n{\"event\": \"end\", \"id\": \"t\", \"outcome\": "
          "\"passed\", \"ms\": -5}\n",
          &r);
    CHECK_INT(r.cases[0].duration_ms, 0);
    report_done(&r);
}

static void too_many_bytes_are_an_error(void)
{
    struct report r = {0};
    struct err err = {0};
    ssize_t running;
    CHECK(events_report("", EVENTS_MAX_BYTES + 1UL, "", &r, &running, &err) < 0);
    CHECK_INT(err.class, ERR_LIMIT);
}

TEST_MAIN(TEST(tests_are_reported_as_far_as_they_came), TEST(node_ids_become_the_names_of_pytests_own_report),
          TEST(every_outcome_is_known), TEST(an_end_without_a_start_proves_nothing),
          TEST(what_is_no_event_is_passed_over), TEST(a_negative_duration_is_none),
          TEST(too_many_bytes_are_an_error))
