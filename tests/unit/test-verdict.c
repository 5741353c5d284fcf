#include "verdicts.h"

/* ---- cases ---- */

static void all_passed_is_passed(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    add(REPORT_PASSED, "test_b");
    check_passed();
    CHECK_INT(result.tests_len, 2);
    CHECK(result.tests[0].is_passed && result.tests[1].is_passed);
    finish();
}

static void an_expected_failure_is_passed(void)
{
    start();
    add(REPORT_XFAILED, "test_a");
    check_passed();
    CHECK(result.tests[0].is_passed);
    finish();
}

static void a_failed_test_is_no_error(void)
{
    start();
    input.run.status = 1;
    add(REPORT_PASSED, "test_a");
    add(REPORT_FAILED, "test_b");
    check_failed();
    CHECK(result.tests[0].is_passed);
    CHECK(!result.tests[1].is_passed);
    finish();
}

static void a_skipped_test_is_not_passed(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    add(REPORT_SKIPPED, "test_b");
    check_failed();
    CHECK(!result.tests[1].is_passed);
    finish();
}

static void a_test_in_error_is_an_error_that_names_it(void)
{
    start();
    input.run.status = 1;
    add(REPORT_PASSED, "test_a");
    add(REPORT_ERROR, "test_b");
    add(REPORT_ERROR, "test_c");
    check_error("2 of 3 tests could not be run");
    CHECK_CONTAINS(result.error_details, ": lab1::test_b, lab1::test_c");
    CHECK(result.tests[0].is_passed);
    CHECK(!result.tests[1].is_passed);
    finish();
}

static void each_case_is_reported_with_its_texts(void)
{
    start();
    add_whole(REPORT_PASSED, "tests.lab1.test_a", "test_x", "", 290);
    add_whole(REPORT_FAILED, "", "test_y", "E assert 1 == 2", 7);
    judge();
    CHECK_INT(result.tests_len, 2);
    CHECK_STR(result.tests[0].name, "lab1.test_a::test_x");
    CHECK_STR(result.tests[0].description, "");
    CHECK_INT(result.tests[0].duration_ms, 290);
    CHECK_STR(result.tests[1].name, "test_y");
    CHECK_STR(result.tests[1].description, "E assert 1 == 2");
    CHECK_INT(result.tests[1].duration_ms, 7);
    CHECK_INT(result.tests[1].memory_bytes, 0); /* not measured */
    finish();
}

static void descriptions_are_moved_not_copied(void)
{
    start();
    add_whole(REPORT_FAILED, "", "test_a", "text", 0);
    const char *text = report.cases[0].description;
    judge();
    CHECK(result.tests[0].description == text);
    CHECK(report.cases[0].description == NULL);
    finish();
}

static void the_duration_is_the_wall_time_of_the_run(void)
{
    start();
    add_whole(REPORT_PASSED, "", "test_a", "", 999999);
    judge();
    CHECK_INT(result.duration_ms, 1234);
    finish();
}

/* ---- fail closed ---- */

static void a_report_without_tests_is_an_error(void)
{
    start();
    check_error("No test was run");
    finish();
}

static void without_a_report_the_reason_is_told(void)
{
    start();
    add(REPORT_PASSED, "test_a"); /* ignored */
    input.run.status = 3;
    no_report("The tests wrote no report");
    check_error("The tests wrote no report (the test run ended with exit status 3)");
    CHECK_INT(result.tests_len, 0);
    finish();
}

static void without_a_report_a_good_exit_status_does_not_help(void)
{
    start();
    no_report("The tests' report is damaged");
    check_error("The tests' report is damaged (the test run ended with exit status 0)");
    finish();
}

static void past_the_time_limit_a_whole_report_is_not_passed(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    add(REPORT_FAILED, "test_b");
    input.run.timed_out = true;
    check_error("took longer than 600 s and were stopped");
    CHECK_INT(result.tests_len, 3); /* finished tests are reported */
    CHECK(result.tests[0].is_passed);
    finish();
}

static void past_the_time_limit_the_limit_is_told_exactly(void)
{
    static const struct {
        int64_t timeout_ms;
        const char *part;
    } rows[] = {{1, " 0.001 s "}, {1500, " 1.5 s "}, {86400000, " 86400 s "}, {123456, " 123.456 s "}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        input.run =
            (struct verdict_run){.signal = SIGKILL, .timed_out = true, .timeout_ms = rows[i].timeout_ms};
        no_report("The tests wrote no report");
        check_error(rows[i].part);
        CHECK(!strstr(result.error_details, "signal"));
        finish();
    }
}

static void the_test_that_was_running_is_named(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.timed_out = true;
    input.run.running = "lab2::test_hangs";
    check_error("took longer than 600 s and were stopped; lab2::test_hangs was running");
    finish();
    start();
    no_report("The tests wrote no report");
    input.run.exited = false;
    input.run.signal = SIGKILL;
    input.run.running = "lab2::test_crashes";
    check_error("signal 9 (Killed) before it could finish; lab2::test_crashes was running");
    finish();
}

static void after_a_run_that_ended_by_itself_no_test_was_running(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.running = "lab2::test_z";
    check_passed();
    finish();
}

static void a_run_ended_by_a_signal_is_not_passed(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.exited = false;
    input.run.signal = SIGSEGV;
    check_error("signal 11 (");
    CHECK_INT(result.tests_len, 2);
    finish();
}

static void a_bad_exit_status_disagrees_with_a_good_report(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.status = 1;
    check_error("every test in the report passed, but the test run ended with exit status 1");
    finish();
}

static void a_bad_exit_status_agrees_with_a_bad_report(void)
{
    start();
    add(REPORT_SKIPPED, "test_a");
    input.run.status = 1;
    check_failed();
    finish();
}

/* ---- why a run is not believed, and what else is known of it ---- */

static void a_run_that_had_to_be_ended_tells_why(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.exited = false;
    input.run.signal = SIGKILL;
    input.run.ended_for = "The tests used more than 64 MB of memory and were stopped";
    input.run.running = "lab1::test_b";
    check_error("The tests used more than 64 MB of memory and were stopped; lab1::test_b was running");
    CHECK(!strstr(result.error_details, "signal"));
    CHECK_INT(result.tests_len, 2); /* finished tests are reported, and why there are no more */
    finish();
}

static void a_run_that_had_to_be_ended_is_not_passed_though_it_exited(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.ended_for = "The tests used too much";
    check_error("The tests used too much");
    finish();
}

static void past_the_time_limit_no_other_end_is_told(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.timed_out = true;
    input.run.ended_for = "The tests used too much";
    check_error("took longer than 600 s and were stopped");
    CHECK(!strstr(result.error_details, "too much"));
    finish();
}

/* The message does not repeat what the report shows. */
static void a_report_that_is_not_believed_is_an_error_for_that_alone(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    add(REPORT_ERROR, "test_b");
    strv_push(&wanted, "missing");
    input.run.status = 1;
    input.disagreement = "The suite's file conftest.py was changed while the tests ran";
    check_error("");
    CHECK_STR(result.error_details, "The suite's file conftest.py was changed while the tests ran");
    CHECK_INT(result.tests_len, 3);
    finish();
}

static void a_run_that_had_to_be_ended_is_told_rather_than_a_disagreement(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.timed_out = true;
    input.disagreement = "Report and run disagree";
    check_error("took longer than 600 s and were stopped");
    CHECK(!strstr(result.error_details, "disagree"));
    finish();
}

/* Limits that were hit, after other sentences; they decide nothing. */
static void check_limits(enum report_status status, bool passed, bool error, const char *want)
{
    struct strv limits = {0};
    strv_push(&limits, "The limit of 64 processes was reached");
    strv_push(&limits, "The limit of 10 files was reached");
    start();
    add(status, "test_a");
    input.limits = &limits;
    judge();
    strv_done(&limits);
    CHECK_INT(result.is_passed, passed);
    CHECK_INT(result.is_error, error);
    CHECK_STR(result.error_details, want);
    finish();
}

#define LIMITS "The limit of 64 processes was reached; The limit of 10 files was reached"

static void limits_that_were_hit_are_named_and_decide_nothing(void)
{
    check_limits(REPORT_PASSED, true, false, LIMITS);
    check_limits(REPORT_FAILED, false, false, LIMITS);
    check_limits(REPORT_ERROR, false, true,
                 "1 of 1 tests could not be run to a verdict (an error outside of the test itself): "
                 "lab1::test_a; " LIMITS);
}

static void without_a_limit_that_was_hit_nothing_is_told(void)
{
    struct strv limits = {0};
    start();
    add(REPORT_PASSED, "test_a");
    input.limits = &limits;
    check_passed();
    finish();
}

/* ---- last words ---- */

static void last_words_explain_a_missing_report(void)
{
    start();
    no_report("The tests wrote no report");
    input.run.last_words = "ModuleNotFoundError: No module named 'yaml'";
    check_error("; last output: ModuleNotFoundError: No module named 'yaml'");
    finish();
}

static void last_words_explain_a_disagreement(void)
{
    start();
    add(REPORT_PASSED, "test_a");
    input.run.status = 1;
    input.run.last_words = "coverage is too low";
    check_error("exit status 1; last output: coverage is too low");
    finish();
}

static void last_words_explain_why_no_test_was_run(void)
{
    start();
    input.run.last_words = "no tests ran in 0.01s";
    check_error("; last output: no tests ran in 0.01s");
    finish();
}

static void empty_last_words_are_not_told(void)
{
    start();
    no_report("The tests wrote no report");
    input.run.last_words = "";
    check_error("(the test run ended with exit status 0)");
    CHECK(!strstr(result.error_details, "last output"));
    finish();
}

/* A text of 2-byte characters after `shift` letters, so that the cut falls inside one. */
static void check_long_words(size_t shift)
{
    start();
    no_report("No report");
    struct buf words = BUF_INIT(0);
    for (size_t i = 0; i < shift; i++)
        buf_puts(&words, "a");
    for (int i = 0; i < 400; i++)
        buf_puts(&words, "я");
    input.run.last_words = words.data;
    judge();
    const char *told = strstr(result.error_details, "last output: ") + strlen("last output: ");
    CHECK(!strstr(told, "\xef\xbf\xbd"));
    CHECK_INT(strlen(told), shift + 2 * (300 - shift) + strlen(" …"));
    CHECK_STR(told + strlen(told) - strlen("я …"), "я …");
    buf_done(&words);
    finish();
}

static void long_last_words_are_cut_between_characters(void)
{
    check_long_words(0);
    check_long_words(1);
}

static void last_words_at_the_limit_are_not_cut(void)
{
    char words[301] = "";
    memset(words, 'w', 300);
    start();
    no_report("No report");
    input.run.last_words = words;
    check_error(words);
    CHECK(!strstr(result.error_details, "…"));
    finish();
}

static void ill_formed_last_words_are_repaired(void)
{
    start();
    no_report("No report");
    input.run.last_words = "a\xff\xc3";
    check_error("last output: a\xef\xbf\xbd\xef\xbf\xbd");
    finish();
}

/* ---- all of it together ---- */

/* Sets how the run ended. Returns true if it ended by itself. */
static bool set_end(int end)
{
    struct verdict_run *run = &input.run;
    run->exited = end != 2 && end != 4;
    run->status = end == 1 ? 1 : 0;
    run->signal = run->exited ? 0 : SIGKILL;
    run->timed_out = end == 3 || end == 4;
    return end < 2;
}

/* Adds two requested cases. Returns true if both passed. */
static bool add_both(int second)
{
    add(REPORT_PASSED, "test_wanted_1");
    add((enum report_status)second, "test_wanted_2");
    return second == REPORT_PASSED || second == REPORT_XFAILED;
}

enum { ENDS = 5, NO_REPORT = 5, NO_CASES = 6, REPORTS = 7, NAMES = 3 };

static void check_combination(int end, int kind, int names, bool only_connected)
{
    start();
    bool ended = set_end(end);
    bool good = kind < NO_REPORT && add_both(kind);
    if (kind == NO_REPORT)
        no_report("No report");
    if (names)
        strv_push(&wanted, "wanted");
    if (names == 2)
        strv_push(&wanted, "missing");
    input.only_connected = only_connected;
    judge();
    bool error = !ended || kind >= NO_REPORT || kind == REPORT_ERROR || names == 2 || (good && end == 1);
    if (result.is_passed != (good && !error) || result.is_error != error)
        TEST_FAIL("end %d report %d names %d filter %d: passed %d error %d (%s)", end, kind, names,
                  only_connected, result.is_passed, result.is_error, result.error_details);
    size_t missing = ended && names == 2;
    bool has_cause = !ended || (good && end == 1 && !missing);
    CHECK_INT(result.tests_len, kind < NO_REPORT ? 2 + missing + has_cause : 0);
    finish();
}

static void only_a_good_report_of_a_good_run_with_all_names_is_passed(void)
{
    for (int end = 0; end < ENDS; end++)
        for (int kind = 0; kind < REPORTS; kind++)
            for (int names = 0; names < NAMES; names++)
                for (int filter = 0; filter < 2; filter++)
                    check_combination(end, kind, names, filter);
}

TEST_MAIN(TEST(all_passed_is_passed), TEST(an_expected_failure_is_passed), TEST(a_failed_test_is_no_error),
          TEST(a_skipped_test_is_not_passed), TEST(a_test_in_error_is_an_error_that_names_it),
          TEST(each_case_is_reported_with_its_texts), TEST(descriptions_are_moved_not_copied),
          TEST(the_duration_is_the_wall_time_of_the_run), TEST(a_report_without_tests_is_an_error),
          TEST(without_a_report_the_reason_is_told), TEST(without_a_report_a_good_exit_status_does_not_help),
          TEST(past_the_time_limit_a_whole_report_is_not_passed),
          TEST(past_the_time_limit_the_limit_is_told_exactly), TEST(the_test_that_was_running_is_named),
          TEST(after_a_run_that_ended_by_itself_no_test_was_running),
          TEST(a_run_ended_by_a_signal_is_not_passed), TEST(a_bad_exit_status_disagrees_with_a_good_report),
          TEST(a_bad_exit_status_agrees_with_a_bad_report), TEST(a_run_that_had_to_be_ended_tells_why),
          TEST(a_run_that_had_to_be_ended_is_not_passed_though_it_exited),
          TEST(past_the_time_limit_no_other_end_is_told),
          TEST(a_report_that_is_not_believed_is_an_error_for_that_alone),
          TEST(a_run_that_had_to_be_ended_is_told_rather_than_a_disagreement),
          TEST(limits_that_were_hit_are_named_and_decide_nothing),
          TEST(without_a_limit_that_was_hit_nothing_is_told), TEST(last_words_explain_a_missing_report),
          TEST(last_words_explain_a_disagreement), TEST(last_words_explain_why_no_test_was_run),
          TEST(empty_last_words_are_not_told), TEST(long_last_words_are_cut_between_characters),
          TEST(last_words_at_the_limit_are_not_cut), TEST(ill_formed_last_words_are_repaired),
          TEST(only_a_good_report_of_a_good_run_with_all_names_is_passed))
