/* What is left of each step of the journal when it is cut short, or fails, at any point. */

#include "journals.h"

#define ERROR_RESULT \
    "{\"id\": 21, \"isPassed\": false, \"isError\": true, \"errorDetails\": \"text\", " \
    "\"duration\": 0, \"testResults\": []}\n"

/* Whether the next start will run it again; it must not be garbage at the same time. */
static bool is_claim(const char *wanted)
{
    CLEANUP(strv_done) struct strv claims = {0};
    CLEANUP(strv_done) struct strv garbage = {0};
    CHECK_INT(journal_list(journal, &claims, &garbage, &err), 0);
    CHECK(!(strv_contains(&claims, wanted) && strv_contains(&garbage, wanted)));
    return strv_contains(&claims, wanted);
}

static bool is_spooled(void)
{
    return is_there(at("spool/%s.json", key));
}

/* ---- what a power cut can undo is flushed, in this order ---- */

static void a_claim_is_flushed_with_all_its_names(void)
{
    start();
    key = add(BODY);
    CHECK_CALLS("mkdir " KEY "\n", "flush task.json.tmp\n", "rename task.json\n", "flush " KEY "\n",
                "flush jobs\n");
    finish();
}

static void a_start_is_flushed_before_it_counts(void)
{
    start_with_claim();
    count_start();
    CHECK_CALLS("flush starts.tmp\n", "rename starts\n", "flush " KEY "\n");
    finish();
}

static void an_error_result_is_flushed(void)
{
    start_with_claim();
    CHECK_INT(journal_write_error(journal, key, "text", &err), 0);
    CHECK_CALLS("flush result.json.tmp\n", "rename result.json\n", "flush " KEY "\n");
    finish();
}

/* Else the result could be lost, or the claim could come back when its result is long delivered. */
static void the_spool_is_flushed_before_the_task_is_forgotten(void)
{
    start_with_result();
    CHECK_INT(journal_hand_over(journal, key, &err), 0);
    CHECK_CALLS("rename " KEY ".json\n", "flush spool\n", "unlink task.json\n", "flush " KEY "\n");
    finish();
}

/* ---- crashes ---- */

static void add_the_claim(void)
{
    char *added = NULL;
    CHECK_INT(add_body(BODY, &added), 0);
    free(added);
}

static void a_crash_while_adding_leaves_a_whole_claim_or_garbage(void)
{
    bool crashed = true;
    int claims = 0;
    for (int n = 0; crashed; n++) {
        start();
        crashed = crashes_after(n, add_the_claim);
        reopen();
        if (is_claim(KEY)) {
            claims++;
            check_body(KEY, BODY, strlen(BODY));
        } else {
            CHECK(crashed);
            check_list("", is_there(at("jobs/" KEY)) ? KEY : "");
        }
        key = add(BODY); /* whatever is there is not in the way */
        CHECK(is_claim(key));
        finish();
    }
    CHECK(claims >= 2); /* at the end, and before the last flush */
}

static void count_one_start(void)
{
    count_start();
}

static void a_crash_while_counting_loses_one_start_at_most(void)
{
    bool crashed = true;
    for (int n = 0; crashed; n++) {
        start_with_claim();
        count_start();
        crashed = crashes_after(n, count_one_start);
        CHECK(is_claim(key));
        unsigned next = count_start();
        CHECK(next == 3 || (crashed && next == 2));
        finish();
    }
}

static void write_the_error(void)
{
    CHECK_INT(journal_write_error(journal, key, "text", &err), 0);
}

static void a_crash_while_writing_an_error_leaves_all_of_it_or_nothing(void)
{
    bool crashed = true;
    for (int n = 0; crashed; n++) {
        start_with_claim();
        crashed = crashes_after(n, write_the_error);
        CHECK(is_claim(key));
        CHECK(crashed || journal_has_result(journal, key));
        if (journal_has_result(journal, key))
            check_file(at("jobs/%s/result.json", key), ERROR_RESULT);
        write_the_error();
        check_file(at("jobs/%s/result.json", key), ERROR_RESULT);
        finish();
    }
}

static void hand_over_and_remove(void)
{
    CHECK_INT(journal_hand_over(journal, key, &err), 0);
    CHECK_INT(journal_put_away(journal, key, false, 0, &err), -ENOTEMPTY);
}

/* At each moment the result is in one place, and the claim is its owner's. */
static void a_crash_while_handing_over_loses_nothing_and_doubles_nothing(void)
{
    bool crashed = true;
    for (int n = 0; crashed; n++) {
        start_with_result();
        crashed = crashes_after(n, hand_over_and_remove);
        reopen();
        bool claim = is_claim(key);
        CHECK(claim != is_spooled());
        CHECK(!claim || (crashed && journal_has_result(journal, key)));
        check_file(claim ? at("jobs/%s/result.json", key) : at("spool/%s.json", key), "{\"id\": 21}");
        finish();
    }
}

static void after_the_next_start_a_delivered_claim_does_not_come_back(void)
{
    bool crashed = true;
    int delivered = 0;
    for (int n = 0; crashed; n++) {
        start_with_result();
        crashed = crashes_after(n, hand_over_and_remove);
        reopen();
        if (!is_claim(key)) {
            CHECK_INT(journal_put_away(journal, key, false, 0, &err),
                      -ENOTEMPTY); /* as a start does with garbage */
            CHECK(unlink(at("spool/%s.json", key)) == 0);
            delivered++;
            reopen();
            check_list("", key);
        }
        finish();
    }
    CHECK(delivered >= 4);
}

/* ---- faults of the disk ---- */

static void a_claim_that_cannot_be_written_leaves_nothing(void)
{
    int faults = 0;
    bool failed = true;
    for (int n = 0; failed; n++) {
        start();
        fail_call(n);
        int r = add_body(BODY, &key);
        failed = did_fail();
        CHECK_INT(key != NULL, r == 0);
        CHECK(failed || r == 0);
        if (r < 0) {
            faults++;
            CHECK_INT(r, -EIO);
            CHECK_CONTAINS(err.message, "Input/output error");
            CHECK(!is_there(at("jobs/" KEY)));
            key = add(BODY); /* the next try */
        }
        check_list(key, "");
        finish();
    }
    CHECK_INT(faults, 5); /* all but the removal of an old temporary file, which was not there */
}

static void a_start_that_cannot_be_counted_is_a_fault(void)
{
    int faults = 0;
    bool failed = true;
    for (int n = 0; failed; n++) {
        start_with_claim();
        unsigned starts = 77;
        fail_call(n);
        int r = journal_count_start(journal, key, &starts, &err);
        failed = did_fail();
        CHECK_INT(starts, r < 0 ? 77 : 1);
        faults += r < 0;
        CHECK(r == 0 || strstr(err.message, "Input/output error"));
        check_list(key, "");
        finish();
    }
    CHECK_INT(faults, 3);
}

static void a_fault_while_handing_over_is_told_and_loses_nothing(void)
{
    bool failed = true;
    for (int n = 0; failed; n++) {
        start_with_result();
        fail_call(n);
        int r = journal_hand_over(journal, key, &err);
        failed = did_fail();
        CHECK_INT(r, failed ? -EIO : 0);
        CHECK(is_claim(key) != is_spooled());
        finish();
    }
}

/* The runner takes the claim up again, sees that it has a result, and hands over once more. */
static void handing_over_can_be_repeated_after_a_fault(void)
{
    bool failed = true;
    for (int n = 0; failed; n++) {
        start_with_result();
        fail_call(n);
        journal_hand_over(journal, key, &err);
        failed = did_fail();
        CHECK(journal_has_result(journal, key));
        CHECK_INT(journal_hand_over(journal, key, &err), 0);
        check_file(at("spool/%s.json", key), "{\"id\": 21}");
        check_list("", key);
        finish();
    }
}

TEST_MAIN(TEST(a_claim_is_flushed_with_all_its_names), TEST(a_start_is_flushed_before_it_counts),
          TEST(an_error_result_is_flushed), TEST(the_spool_is_flushed_before_the_task_is_forgotten),
          TEST(a_crash_while_adding_leaves_a_whole_claim_or_garbage),
          TEST(a_crash_while_counting_loses_one_start_at_most),
          TEST(a_crash_while_writing_an_error_leaves_all_of_it_or_nothing),
          TEST(a_crash_while_handing_over_loses_nothing_and_doubles_nothing),
          TEST(after_the_next_start_a_delivered_claim_does_not_come_back),
          TEST(a_claim_that_cannot_be_written_leaves_nothing),
          TEST(a_start_that_cannot_be_counted_is_a_fault),
          TEST(a_fault_while_handing_over_is_told_and_loses_nothing),
          TEST(handing_over_can_be_repeated_after_a_fault))
