/*
 * Whatever keeps a result from being a pass is also among its tests, since the front end shows
 * nothing else.
 */

#include "verdicts.h"

static void check_last_test(const char *name, const char *description)
{
    const struct result_test *last = &result.tests[result.tests_len - 1];
    CHECK_STR(last->name, name);
    CHECK_CONTAINS(last->description, description);
    CHECK(!last->is_passed);
}

static void what_keeps_a_run_from_being_a_pass_is_among_its_tests(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.status = 1;
    input.run.last_words = "Segmentation fault";
    judge();
    CHECK_INT(result.tests_len, 2);
    check_last_test(VERDICT_RUN_NAME, "Report and run disagree");
    check_last_test(VERDICT_RUN_NAME, "; last output: Segmentation fault");
    finish();
}

static void a_connected_test_that_is_not_there_is_among_the_tests(void)
{
    start();
    strv_push(&wanted, "test_a");
    strv_push(&wanted, "test_none");
    add(REPORT_PASSED, "test_a");
    judge();
    CHECK_INT(result.tests_len, 2);
    check_last_test("test_none", "no test of the suite has this name.");
    finish();
}

static void a_limit_is_among_the_tests_if_one_failed(void)
{
    struct strv limits = {0};
    strv_push(&limits, "The limit of 64 processes was reached");
    start();
    add(REPORT_FAILED, "test_a");
    input.limits = &limits;
    judge();
    CHECK_INT(result.tests_len, 2);
    check_last_test(VERDICT_RUN_NAME, "The limit of 64 processes was reached");
    CHECK(!result.is_error);
    start();
    add(REPORT_PASSED, "test_a");
    input.limits = &limits;
    judge();
    CHECK_INT(result.tests_len, 1);
    CHECK(result.is_passed);
    strv_done(&limits);
    finish();
}

static void what_explains_no_failure_is_not_among_the_tests(void)
{
    start();
    add(REPORT_FAILED, "test_a");
    input.remark = "The test run printed more than 16384 KB; the rest was dropped";
    verdict_judge(&input, &result);
    CHECK_INT(result.tests_len, 1);
    CHECK_STR(result.error_details, input.remark);
    CHECK(!result.is_error);
    finish();
}

static void a_result_without_tests_stays_without(void)
{
    start();
    no_report("The tests wrote no report");
    strv_push(&wanted, "test_none");
    judge();
    CHECK_INT(result.tests_len, 0);
    start();
    strv_push(&wanted, "test_none");
    judge();
    CHECK_INT(result.tests_len, 0);
    finish();
}

/* The running test says how the run ended: no entry is needed. */
static void a_running_test_shows_the_end_by_itself(void)
{
    static const struct {
        const char *wanted;
        size_t len;
        const char *last;
    } rows[] = {{NULL, 2, "test_b"}, {"test_b", 1, "test_b"}, {"test_a", 2, VERDICT_RUN_NAME}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        add(REPORT_PASSED, "test_a");
        add_whole(REPORT_FAILED, "tests.lab1", "test_b", "Was running when the test run ended", 0);
        report_error = (struct err){.class = ERR_TASK, .message = "The tests wrote no report"};
        input.run.status = 1;
        input.run.running = "lab1::test_b";
        input.only_connected = true;
        if (rows[i].wanted)
            strv_push(&wanted, rows[i].wanted);
        check_error(
            "The tests wrote no report (the test run ended with exit status 1); lab1::test_b was running");
        CHECK_INT(result.tests_len, rows[i].len);
        CHECK_CONTAINS(result.tests[result.tests_len - 1].name, rows[i].last);
    }
    finish();
}

static void an_exit_status_is_told_as_it_is(void)
{
    static const struct {
        int status;
        const char *words;
    } rows[] = {{0, "exit status 0)"},
                {2, "exit status 2)"},
                {128, "exit status 128)"},
                {137, "exit status 137, which a shell returns after signal 9 (Killed))"},
                {139, "exit status 139, which a shell returns after signal 11 (Segmentation fault))"},
                {247, "exit status 247)"},
                {255, "exit status 255)"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        no_report("The tests wrote no report");
        input.run.status = rows[i].status;
        check_error(rows[i].words);
    }
    finish();
}

/* Only pytest's status 5, or 0, says that there are no tests. */
static void why_no_test_ran_is_not_made_up(void)
{
    for (int status = 0; status < 6; status++) {
        start();
        input.run.status = status;
        judge();
        if (status == 0 || status == 5)
            CHECK_STR(result.error_details, "No test was run: the suite has none for this task");
        else
            CHECK_CONTAINS(result.error_details, "No test was run (the test run ended with exit status ");
    }
    finish();
}

/* The description holds all of it. */
static void among_the_tests_the_text_is_whole(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    char running[1001] = "";
    memset(running, 'r', 1000);
    input.run.timed_out = true;
    input.run.running = running;
    judge();
    check_last_test(VERDICT_RUN_NAME, running);
    CHECK(utf8_count(result.error_brief) < 255);
    CHECK_CONTAINS(result.error_details, running);
    finish();
}

TEST_MAIN(TEST(a_running_test_shows_the_end_by_itself), TEST(an_exit_status_is_told_as_it_is),
          TEST(why_no_test_ran_is_not_made_up), TEST(what_keeps_a_run_from_being_a_pass_is_among_its_tests),
          TEST(a_connected_test_that_is_not_there_is_among_the_tests),
          TEST(a_limit_is_among_the_tests_if_one_failed),
          TEST(what_explains_no_failure_is_not_among_the_tests), TEST(a_result_without_tests_stays_without),
          TEST(among_the_tests_the_text_is_whole))
