/* Connected tests: their names must be found, and may select cases of the report. */

#include "verdicts.h"

/* ---- connected tests ---- */

static void found_connected_tests_are_passed(void)
{
    start();
    strv_push(&wanted, "test_a");
    strv_push(&wanted, "lab1.py::test_b");
    add(REPORT_PASSED, "test_a");
    add(REPORT_PASSED, "test_b");
    check_passed();
    finish();
}

static void a_connected_test_without_a_match_is_listed(void)
{
    start();
    strv_push(&wanted, "test_a");
    strv_push(&wanted, "test_none");
    strv_push(&wanted, "нет такого");
    add(REPORT_PASSED, "test_a");
    check_error("2 of 3 connected tests match no test of the suite: test_none, нет такого");
    CHECK_INT(result.tests_len, 3);
    CHECK(result.tests[0].is_passed);
    finish();
}

static void no_match_at_all_is_told_with_the_names(void)
{
    start();
    strv_push(&wanted, "test_none");
    check_error("1 of 1 connected tests match no test of the suite: test_none");
    CHECK(!strstr(result.error_details, "No test was run"));
    finish();
}

static void check_missing(size_t missing, const char *last, bool more)
{
    start();
    add(REPORT_PASSED, "good");
    for (size_t i = 0; i < missing; i++)
        strv_pushf(&wanted, "missing_%zu_", i);
    strv_push(&wanted, "good");
    CLEANUP(mem_freep) char *count = mem_printf("%zu of %zu connected", missing, missing + 1);
    check_error(count);
    CHECK_CONTAINS(result.error_details, last);
    CHECK_INT(strstr(result.error_details, " more") != NULL, more);
    CHECK(!strstr(result.error_details, "missing_10_"));
    finish();
}

static void of_many_missing_names_the_first_are_listed(void)
{
    check_missing(1, ": missing_0_", false);
    check_missing(10, ", missing_9_", false);
    check_missing(11, ", missing_9_ and 1 more", true);
    check_missing(2000, ", missing_9_ and 1990 more", true);
}

static void a_failed_connected_test_was_found(void)
{
    start();
    strv_push(&wanted, "test_a");
    add(REPORT_FAILED, "test_a");
    input.run.status = 1;
    check_failed();
    finish();
}

static void errors_and_missing_names_are_both_told(void)
{
    start();
    strv_push(&wanted, "test_a");
    strv_push(&wanted, "test_none");
    add(REPORT_ERROR, "test_a");
    check_error("1 of 1 tests could not be run");
    CHECK_CONTAINS(result.error_details, "; 1 of 2 connected tests match no test");
    finish();
}

/* ---- a suite that cannot be told which tests to run ---- */

static void start_filtered(void)
{
    start();
    input.only_connected = true;
    strv_push(&wanted, "test_wanted");
}

static void only_connected_tests_are_reported(void)
{
    start_filtered();
    add(REPORT_PASSED, "test_wanted");
    add_whole(REPORT_FAILED, "", "test_other", "text", 0);
    add(REPORT_PASSED, "test_wanted_too");
    check_passed();
    CHECK_INT(result.tests_len, 2);
    CHECK_STR(result.tests[0].name, "lab1::test_wanted");
    CHECK_STR(result.tests[1].name, "lab1::test_wanted_too");
    CHECK_STR(report.cases[1].description, "text"); /* not moved */
    finish();
}

static void without_the_filter_all_tests_are_reported(void)
{
    start_filtered();
    input.only_connected = false;
    add(REPORT_PASSED, "test_wanted");
    add(REPORT_FAILED, "test_other");
    check_failed();
    CHECK_INT(result.tests_len, 2);
    finish();
}

static void without_names_the_filter_keeps_all(void)
{
    start();
    input.only_connected = true;
    add(REPORT_PASSED, "test_a");
    add(REPORT_PASSED, "test_b");
    check_passed();
    CHECK_INT(result.tests_len, 2);
    finish();
}

static void a_filter_that_leaves_nothing_is_an_error(void)
{
    start_filtered();
    add(REPORT_PASSED, "test_other");
    check_error("1 of 1 connected tests match no test of the suite: test_wanted");
    CHECK_INT(result.tests_len, 0);
    finish();
}

/* The exit status covers all tests that ran, not only the requested ones. */
static void a_failure_that_was_not_asked_for_explains_the_exit_status(void)
{
    start_filtered();
    add(REPORT_PASSED, "test_wanted");
    add(REPORT_FAILED, "test_other");
    input.run.status = 1;
    check_passed();
    finish();
}

static void a_bad_exit_status_disagrees_with_a_good_report_also_when_filtered(void)
{
    start_filtered();
    add(REPORT_PASSED, "test_wanted");
    add(REPORT_PASSED, "test_other");
    input.run.status = 1;
    check_error("Report and run disagree");
    finish();
}

static void an_error_that_was_not_asked_for_is_none(void)
{
    start_filtered();
    add(REPORT_PASSED, "test_wanted");
    add(REPORT_ERROR, "test_other");
    input.run.status = 1;
    check_passed();
    finish();
}

static void of_errors_those_asked_for_are_counted(void)
{
    start_filtered();
    add(REPORT_ERROR, "test_other");
    add(REPORT_ERROR, "test_wanted");
    add(REPORT_PASSED, "test_wanted_too");
    check_error("1 of 2 tests could not be run");
    CHECK_CONTAINS(result.error_details, ": lab1::test_wanted");
    finish();
}

TEST_MAIN(TEST(found_connected_tests_are_passed), TEST(a_connected_test_without_a_match_is_listed),
          TEST(no_match_at_all_is_told_with_the_names), TEST(of_many_missing_names_the_first_are_listed),
          TEST(a_failed_connected_test_was_found), TEST(errors_and_missing_names_are_both_told),
          TEST(only_connected_tests_are_reported), TEST(without_the_filter_all_tests_are_reported),
          TEST(without_names_the_filter_keeps_all), TEST(a_filter_that_leaves_nothing_is_an_error),
          TEST(a_failure_that_was_not_asked_for_explains_the_exit_status),
          TEST(a_bad_exit_status_disagrees_with_a_good_report_also_when_filtered),
          TEST(an_error_that_was_not_asked_for_is_none), TEST(of_errors_those_asked_for_are_counted))
