/* What keeps a result from being a pass stands among its tests, too: the front end shows nothing else. */

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
    check_last_test(VERDICT_RUN_NAME, "; its last words: Segmentation fault");
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

/* The description has room for all of it. */
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

TEST_MAIN(TEST(what_keeps_a_run_from_being_a_pass_is_among_its_tests),
          TEST(a_connected_test_that_is_not_there_is_among_the_tests),
          TEST(a_limit_is_among_the_tests_if_one_failed),
          TEST(what_explains_no_failure_is_not_among_the_tests), TEST(a_result_without_tests_stays_without),
          TEST(among_the_tests_the_text_is_whole))
