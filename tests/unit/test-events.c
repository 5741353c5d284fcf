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
    "\"cpu_us\": 7000, " \
    "\"text\": \"E  assert 1 == 2\"}\n"
#define SECOND_STARTED \
    "{\"event\": \"start\", \"id\": \"tests/lab1/test_a.py::TestB::test_two[src/main.c::x]\"}\n"

#define HELLO "{\"event\": \"hello\"}"

/*
 * Each line is a message; a session begins with the first one, and with the first one after another
 * session has finished.
 */
static struct events *take_all(const char *text)
{
    struct events *e = events_new();
    unsigned session = 1;
    bool is_begun = false;
    for (const char *line = text; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n')) {
        size_t len = strcspn(line, "\n");
        bool is_finish = len && memmem(line, len, "\"finish\"", 8);
        if (!is_begun && strncmp(line, HELLO, strlen(HELLO)) != 0)
            events_take(e, session, HELLO, strlen(HELLO));
        events_take(e, session, line, len);
        session += is_finish;
        is_begun = !is_finish;
    }
    return e;
}

static ssize_t parse(const char *text, struct report *ret_report)
{
    ssize_t running;
    struct events *e = take_all(text);
    *ret_report = (struct report){0};
    events_report(e, "was running", ret_report, &running);
    events_free(e);
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

static void only_a_modules_ending_is_left_out_of_its_name(void)
{
    static const struct {
        const char *id, *classname;
    } rows[] = {{"tests/lib.python/test_a.py::t", "tests.lib.python.test_a"},
                {"tests/lib.py/test_a.py::t", "tests.lib.py.test_a"},
                {"tests/test_a.pyw::t", "tests.test_a.pyw"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct report r;
        CLEANUP(mem_freep) char *plan = mem_printf("{\"event\": \"plan\", \"id\": \"%s\"}\n", rows[i].id);
        parse(plan, &r);
        CHECK_STR(r.cases[0].classname, rows[i].classname);
        CHECK_STR(r.cases[0].name, "t");
        report_done(&r);
    }
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

static void an_end_without_an_outcome_is_an_error(void)
{
    struct report r;
    parse("{\"event\": \"start\", \"id\": \"t\"}\n{\"event\": \"end\", \"id\": \"t\"}\n"
          "{\"event\": \"start\", \"id\": \"u\"}\n{\"event\": \"end\", \"id\": \"u\", \"outcome\": 0}\n",
          &r);
    CHECK_INT(r.cases[0].status, REPORT_ERROR);
    CHECK_INT(r.cases[1].status, REPORT_ERROR);
    report_done(&r);
}

static void a_text_that_is_none_describes_nothing(void)
{
    struct report r;
    parse("{\"event\": \"start\", \"id\": \"t\"}\n{\"event\": \"end\", \"id\": \"t\", \"outcome\": "
          "\"failed\", \"text\": 1}\n",
          &r);
    CHECK_INT(r.cases[0].status, REPORT_FAILED);
    CHECK_STR(r.cases[0].description, "");
    report_done(&r);
}

/* Such a message costs more to parse than to send. */
static void a_message_with_structure_is_a_fault(void)
{
    static const char *const messages[] = {
        "{\"event\": \"hello\", \"x\": []}", "{\"event\": \"hello\", \"x\": {}}",
        "{\"event\": \"hello\",\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
        "\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        CHECK(events_parse(messages[i], strlen(messages[i])) == NULL);
    static const char in_text[] = "{\"event\": \"hello\", \"x\": \"[\\\"{,{[\\\\\"}";
    CLEANUP(json_decrefp) json_t *event = events_parse(in_text, sizeof(in_text) - 1);
    CHECK_STR(json_string_value(json_object_get(event, "x")), "[\"{,{[\\");
    struct events *e = events_new();
    events_take(e, 1, messages[0], strlen(messages[0]));
    CHECK_CONTAINS(events_first_fault(e), "not pytest's");
    events_free(e);
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

static void a_message_that_is_too_long_is_a_fault(void)
{
    struct events *e = events_new();
    CLEANUP(mem_freep) char *text = mem_alloc(EVENTS_MAX_MESSAGE_BYTES + 2UL);
    int n = sprintf(text, "{\"event\": \"start\", \"id\": \"t\"}");
    memset(text + n, ' ', EVENTS_MAX_MESSAGE_BYTES + 1UL - (size_t)n);
    events_take(e, 1, HELLO, strlen(HELLO));
    CHECK_INT(events_take(e, 1, text, EVENTS_MAX_MESSAGE_BYTES), EVENTS_START);
    CHECK(events_first_fault(e) == NULL);
    CHECK_INT(events_take(e, 1, text, EVENTS_MAX_MESSAGE_BYTES + 1UL), EVENTS_OTHER);
    CHECK(events_first_fault(e) != NULL);
    events_free(e);
}

static void what_was_measured_goes_to_the_test_that_ended_last(void)
{
    struct events *e = take_all(PLAN FIRST_ENDED SECOND_STARTED);
    CHECK_STR(events_last_ended(e)->name, "test_one");
    CHECK_INT(events_last_ended(e)->cpu_us, 7000);
    events_set_usage(e, 4096, -1);
    CHECK_INT(events_last_ended(e)->memory_bytes, 4096);
    CHECK_INT(events_last_ended(e)->cpu_us, 7000);
    events_set_usage(e, 8192, 12);
    CHECK_INT(events_last_ended(e)->memory_bytes, 8192);
    CHECK_INT(events_last_ended(e)->cpu_us, 12);
    CHECK_INT(events_count(e), 3);
    CHECK_INT(events_count_ended(e), 1);
    events_free(e);
}

static void before_the_first_end_nothing_is_measured(void)
{
    struct events *e = take_all(PLAN SECOND_STARTED);
    CHECK(events_last_ended(e) == NULL);
    events_set_usage(e, 4096, 5);
    events_free(e);
}

/* ---- report and run ---- */

#define RAN(id, outcome) \
    "{\"event\": \"start\", \"id\": \"" id "\"}\n{\"event\": \"end\", \"id\": \"" id \
    "\", \"outcome\": \"" outcome "\"}\n"
#define ENDED(id)   "{\"event\": \"end\", \"id\": \"" id "\", \"outcome\": \"passed\"}\n"
#define FINISH      "{\"event\": \"finish\"}\n"
#define PLANNED(id) "{\"event\": \"plan\", \"id\": \"" id "\"}\n"

static void add_case(struct report *r, const char *classname, const char *name, enum report_status status)
{
    struct report_case *c = report_add(r);
    c->classname = mem_strdup(classname);
    c->name = mem_strdup(name);
    c->description = mem_strdup("");
    c->status = status;
}

/*
 * Checks for `part` in the difference to a report with one or two cases of a.py; NULL: they agree.
 */
static void check_compared(const char *told, enum report_status one, int two, const char *part)
{
    struct report r = {0};
    struct events *e = take_all(told);
    add_case(&r, "a", "one", one);
    if (two >= 0)
        add_case(&r, "a", "two", (enum report_status)two);
    CLEANUP(mem_freep) char *fault = events_compare(e, NULL, &r);
    if (part)
        CHECK_CONTAINS(fault ? fault : "(they agree)", part);
    else
        CHECK_STR(fault ? fault : "", "");
    report_done(&r);
    events_free(e);
}

static void a_report_of_what_ran_is_believed(void)
{
    check_compared(RAN("a.py::one", "passed") FINISH, REPORT_PASSED, -1, NULL);
    check_compared(RAN("a.py::two", "failed") RAN("a.py::one", "xfailed") FINISH, REPORT_PASSED,
                   REPORT_FAILED, NULL);
    check_compared(RAN("a.py::one", "passed") FINISH, REPORT_FAILED, -1, NULL);
    check_compared(RAN("a.py::one", "passed") FINISH, REPORT_PASSED, REPORT_ERROR, NULL);
    check_compared("", REPORT_PASSED, -1, NULL);
}

static void a_report_that_is_about_something_else_is_not(void)
{
    check_compared(RAN("a.py::one", "passed") FINISH, REPORT_PASSED, REPORT_PASSED,
                   "a::two is in the report, but");
    check_compared(RAN("a.py::one", "failed") FINISH, REPORT_PASSED, -1, "a::one did not pass, but");
    check_compared(RAN("a.py::one", "skipped") FINISH, REPORT_XFAILED, -1, "a::one did not pass, but");
    check_compared(RAN("a.py::one", "passed") RAN("a.py::two", "passed") FINISH, REPORT_PASSED, -1,
                   "a::two ran, but is not in the report");
    check_compared(RAN("a.py::one", "passed"), REPORT_PASSED, -1,
                   "report was written before the tests had ended");
    check_compared(RAN("a.py::one", "passed") "{\"event\": \"start\", \"id\": \"a.py::two\"}\n" FINISH,
                   REPORT_PASSED, REPORT_PASSED, "a::two is in the report, but");
}

#define NOT_PYTESTS "not pytest's"

static void what_pytest_would_not_tell_is_a_fault(void)
{
    static const char *const lines[] = {
        "{\"event\": \"lost\"}x",
        "nonsense",
        "[]",
        "{}",
        "{\"event\": 1}",
        HELLO,
        "{\"event\": \"plan\"}",
        "{\"event\": \"plan\", \"id\": \"\"}",
        "{\"event\": \"start\", \"id\": 1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(mem_freep) char *told = mem_printf(RAN("a.py::one", "passed") "%s\n" FINISH, lines[i]);
        check_compared(told, REPORT_PASSED, -1, NOT_PYTESTS);
    }
    check_compared(RAN("a.py::one", "passed") RAN("a.py::two", "passed") ENDED("a.py::one") FINISH,
                   REPORT_PASSED, REPORT_PASSED, "ended that had not started");
}

static void a_session_that_has_finished_tells_nothing_more(void)
{
    struct report r = {0};
    struct events *e = take_all(RAN("a.py::one", "passed") FINISH);
    events_take(e, 1, FINISH, strlen(FINISH) - 1);
    CHECK_CONTAINS(events_first_fault(e), NOT_PYTESTS);
    add_case(&r, "a", "one", REPORT_PASSED);
    CLEANUP(mem_freep) char *fault = events_compare(e, NULL, &r);
    CHECK_CONTAINS(fault ? fault : "(they agree)", NOT_PYTESTS);
    report_done(&r);
    events_free(e);
}

static void nothing_is_told_before_a_session_begins(void)
{
    static const char start[] = "{\"event\": \"start\", \"id\": \"t\"}";
    struct events *e = events_new();
    CHECK_INT(events_take(e, 1, start, strlen(start)), EVENTS_OTHER);
    CHECK_CONTAINS(events_first_fault(e), NOT_PYTESTS);
    CHECK(!events_has_session(e));
    events_free(e);
}

static void an_id_over_its_bound_is_a_fault(void)
{
    for (size_t len = EVENTS_MAX_ID_BYTES; len <= EVENTS_MAX_ID_BYTES + 1; len++) {
        CLEANUP(mem_freep) char *id = mem_alloc(len + 1);
        memset(id, 'x', len);
        CLEANUP(mem_freep) char *plan = mem_printf("{\"event\": \"plan\", \"id\": \"%s\"}\n", id);
        struct events *e = take_all(plan);
        CHECK_INT(events_first_fault(e) != NULL, len > EVENTS_MAX_ID_BYTES);
        events_free(e);
    }
}

static void too_many_sessions_are_a_fault(void)
{
    struct events *e = events_new();
    for (unsigned i = 0; i < EVENTS_MAX_SESSIONS; i++)
        events_take(e, i, HELLO, strlen(HELLO));
    CHECK(events_first_fault(e) == NULL);
    events_take(e, EVENTS_MAX_SESSIONS, HELLO, strlen(HELLO));
    CHECK_CONTAINS(events_first_fault(e), "too many sessions");
    events_free(e);
}

/* ---- missed ---- */

static void check_missed(const char *told, const char *wanted)
{
    struct events *e = take_all(told);
    CLEANUP(mem_freep) char *missed = events_missed(e);
    CHECK_STR(missed ? missed : "", wanted);
    events_free(e);
}

static void what_did_not_end_is_missed(void)
{
    check_missed("", "");
    check_missed(RAN("a.py::one", "failed") FINISH, "");
    check_missed(PLANNED("a.py::one") RAN("a.py::one", "passed") FINISH, "");
    check_missed(PLANNED("a.py::one") FINISH, "Report and run disagree: a::one was planned, but did not run");
    check_missed(PLANNED("a.py::one") PLANNED("a.py::two") RAN("a.py::one", "passed") PLANNED("a.py::three")
                     FINISH,
                 "Report and run disagree: a::two was planned, but did not run (and 1 more)");
    check_missed("{\"event\": \"start\", \"id\": \"a.py::one\"}\n" FINISH,
                 "Report and run disagree: a::one started, but did not end");
}

static void of_two_tests_with_one_id_both_have_to_end(void)
{
    check_missed(PLANNED("a.py::one") PLANNED("a.py::one") RAN("a.py::one", "passed")
                     RAN("a.py::one", "passed") FINISH,
                 "");
    check_missed(PLANNED("a.py::one") PLANNED("a.py::one") RAN("a.py::one", "passed") FINISH,
                 "Report and run disagree: a::one was planned, but did not run");
}

static void another_sessions_test_is_another_one(void)
{
    check_missed(PLANNED("a.py::one") FINISH RAN("a.py::one", "passed") FINISH,
                 "Report and run disagree: a::one was planned, but did not run");
}

static void a_suite_may_name_its_tests_in_the_report(void)
{
    struct report r = {0};
    struct events *e = take_all("{\"event\": \"start\", \"id\": \"a.py::one\"}\n"
                                "{\"event\": \"end\", \"id\": \"a.py::one\", \"outcome\": \"failed\", "
                                "\"classname\": \"lab\", \"name\": \"first\"}\n" FINISH);
    add_case(&r, "lab", "first", REPORT_FAILED);
    CLEANUP(mem_freep) char *agreed = events_compare(e, NULL, &r);
    CHECK(agreed == NULL);
    r.cases[0].status = REPORT_PASSED;
    CLEANUP(mem_freep) char *fault = events_compare(e, NULL, &r);
    CHECK_CONTAINS(fault ? fault : "(they agree)", "lab::first did not pass");
    report_done(&r);
    events_free(e);
}

static void what_failed_in_one_of_two_sessions_is_in_a_report_that_passes(void)
{
    check_compared(RAN("a.py::one", "passed") FINISH RAN("a.py::two", "failed") FINISH, REPORT_PASSED, -1,
                   "a::two ran, but is not in the report");
    check_compared(RAN("a.py::one", "failed") FINISH RAN("a.py::two", "failed") FINISH, REPORT_FAILED, -1,
                   NULL);
}

/* A failure of a test that was not requested does not excuse it. */
static void a_connected_test_that_failed_is_in_a_report_whose_connected_ones_pass(void)
{
    CLEANUP(strv_done) struct strv connected = {0};
    struct report r = {0};
    struct events *e = take_all(RAN("a.py::one_too", "passed") FINISH RAN("a.py::one", "failed") FINISH);
    add_case(&r, "a", "one_too", REPORT_PASSED);
    add_case(&r, "a", "x", REPORT_FAILED);
    strv_push(&connected, "one");
    CLEANUP(mem_freep) char *fault = events_compare(e, &connected, &r);
    CHECK_CONTAINS(fault ? fault : "(they agree)", "a::one ran, but is not in the report");
    free(connected.items[0]);
    connected.items[0] = mem_strdup("one_too");
    CLEANUP(mem_freep) char *agreed = events_compare(e, &connected, &r);
    CHECK(agreed == NULL);
    report_done(&r);
    events_free(e);
}

static void a_report_that_was_there_before_the_first_test_is_not_believed(void)
{
    check_compared("{\"event\": \"hello\"}\n", REPORT_PASSED, -1,
                   "report was written before the tests had ended");
    check_compared("{\"event\": \"hello\"}\n" FINISH, REPORT_PASSED, -1, "a::one is in the report, but");
    check_compared("{\"event\": \"hello\"}\n" FINISH, REPORT_ERROR, -1, NULL);
}

static void tests_of_one_name_in_two_classes_are_two(void)
{
    struct report r = {0};
    struct events *e =
        take_all(RAN("b.py::t", "failed") RAN("a.py::t", "passed") RAN("a.py::s", "passed") FINISH);
    add_case(&r, "a", "t", REPORT_PASSED);
    add_case(&r, "b", "t", REPORT_FAILED);
    add_case(&r, "a", "s", REPORT_PASSED);
    CLEANUP(mem_freep) char *agreement = events_compare(e, NULL, &r);
    CHECK(agreement == NULL);
    r.cases[1].status = REPORT_PASSED;
    CLEANUP(mem_freep) char *fault = events_compare(e, NULL, &r);
    CHECK_CONTAINS(fault, "b::t did not pass, but the report says so");
    report_done(&r);
    events_free(e);
}

static void two_sessions_may_have_a_report_each(void)
{
    check_compared(RAN("a.py::one", "passed") FINISH RAN("a.py::two", "passed") FINISH, REPORT_PASSED, -1,
                   NULL);
}

#define SESSION(one, two) \
    PLANNED("a.py::one") PLANNED("a.py::two") RAN("a.py::one", one) RAN("a.py::two", two) FINISH

static void a_test_that_ran_in_two_sessions_has_to_pass_in_both(void)
{
    check_compared(SESSION("passed", "passed") SESSION("passed", "passed"), REPORT_PASSED, REPORT_PASSED,
                   NULL);
    check_compared(SESSION("failed", "passed") SESSION("passed", "passed"), REPORT_PASSED, REPORT_PASSED,
                   "a::one did not pass, but");
    check_compared(SESSION("passed", "passed") SESSION("failed", "passed"), REPORT_PASSED, REPORT_PASSED,
                   "a::one did not pass, but");
    check_compared(SESSION("passed", "failed") SESSION("passed", "passed"), REPORT_PASSED, REPORT_PASSED,
                   "a::two did not pass, but");
    check_compared(SESSION("passed", "passed") SESSION("passed", "failed"), REPORT_PASSED, REPORT_PASSED,
                   "a::two did not pass, but");
}

static void two_tests_of_one_name_are_both_in_the_report(void)
{
    check_compared(RAN("a.py::one", "passed") RAN("a::one", "passed") FINISH, REPORT_PASSED, -1, NULL);
    check_compared(RAN("a.py::one", "passed") RAN("a::one", "failed") FINISH, REPORT_PASSED, -1,
                   "a::one did not pass, but");
    check_compared(RAN("a.py::one", "failed") RAN("a::one", "passed") FINISH, REPORT_PASSED, -1,
                   "a::one did not pass, but");
    check_compared(RAN("a.py::one", "failed") RAN("a::one", "passed") FINISH, REPORT_FAILED, -1, NULL);
}

static void the_worst_of_two_cases_of_one_test_counts(void)
{
    struct report r = {0};
    struct events *e = take_all(RAN("a.py::one", "error") FINISH);
    add_case(&r, "a", "one", REPORT_PASSED);
    add_case(&r, "a", "one", REPORT_ERROR);
    CLEANUP(mem_freep) char *fault = events_compare(e, NULL, &r);
    CHECK(fault == NULL);
    report_done(&r);
    events_free(e);
}

static void what_was_measured_is_put_into_the_report(void)
{
    struct report r = {0};
    struct events *e = take_all(RAN("a.py::one", "passed"));
    events_set_usage(e, 4096, 77);
    events_take(e, 1, FINISH, strlen(FINISH) - 1);
    add_case(&r, "a", "one", REPORT_PASSED);
    CLEANUP(mem_freep) char *fault = events_compare(e, NULL, &r);
    CHECK(fault == NULL);
    CHECK_INT(r.cases[0].memory_bytes, 4096);
    CHECK_INT(r.cases[0].cpu_us, 77);
    report_done(&r);
    events_free(e);
}

static void nothing_can_be_freed(void)
{
    events_free(NULL);
}

TEST_MAIN(TEST(tests_are_reported_as_far_as_they_came), TEST(node_ids_become_the_names_of_pytests_own_report),
          TEST(only_a_modules_ending_is_left_out_of_its_name), TEST(every_outcome_is_known),
          TEST(an_end_without_an_outcome_is_an_error), TEST(a_text_that_is_none_describes_nothing),
          TEST(a_message_with_structure_is_a_fault), TEST(tests_of_one_name_in_two_classes_are_two),
          TEST(nothing_can_be_freed), TEST(an_end_without_a_start_proves_nothing),
          TEST(what_is_no_event_is_passed_over), TEST(a_negative_duration_is_none),
          TEST(a_message_that_is_too_long_is_a_fault),
          TEST(what_was_measured_goes_to_the_test_that_ended_last),
          TEST(before_the_first_end_nothing_is_measured), TEST(a_report_of_what_ran_is_believed),
          TEST(a_report_that_is_about_something_else_is_not), TEST(what_pytest_would_not_tell_is_a_fault),
          TEST(a_session_that_has_finished_tells_nothing_more), TEST(nothing_is_told_before_a_session_begins),
          TEST(an_id_over_its_bound_is_a_fault), TEST(too_many_sessions_are_a_fault),
          TEST(what_did_not_end_is_missed), TEST(of_two_tests_with_one_id_both_have_to_end),
          TEST(another_sessions_test_is_another_one), TEST(a_suite_may_name_its_tests_in_the_report),
          TEST(what_failed_in_one_of_two_sessions_is_in_a_report_that_passes),
          TEST(a_report_that_was_there_before_the_first_test_is_not_believed),
          TEST(a_connected_test_that_failed_is_in_a_report_whose_connected_ones_pass),
          TEST(two_sessions_may_have_a_report_each),
          TEST(a_test_that_ran_in_two_sessions_has_to_pass_in_both),
          TEST(two_tests_of_one_name_are_both_in_the_report), TEST(the_worst_of_two_cases_of_one_test_counts),
          TEST(what_was_measured_is_put_into_the_report))
