#include "journals.h"

#include "base/fs.h"

/* A claim that was handed over, with logs of its tests. */
static void start_with_logs(void)
{
    start_with_claim();
    count_start();
    put_file(at("jobs/%s/result.json", key), "{}");
    put_file(at("jobs/%s/stdout.log", key), "printed");
    put_file(at("jobs/%s/job.log", key), "logged");
    CHECK_INT(journal_hand_over(journal, key, &err), 0);
}

static void put_kept(const char *name)
{
    put_dir(at("kept/%s", name));
    put_file(at("kept/%s/stdout.log", name), "");
}

static void check_kept(const char *want)
{
    CLEANUP(strv_done) struct strv names = {0};
    CHECK_INT(fs_list_dir(at("kept"), &names, &err), 0);
    CLEANUP(mem_freep) char *got = strv_join(&names, " ");
    CHECK_STR(got, want);
}

static void the_logs_are_kept_and_nothing_else(void)
{
    start_with_logs();
    put_file(at("jobs/%s/summary.json", key), "short");
    put_file(at("jobs/%s/report.html", key), "long");
    put_file(at("jobs/%s/report.html.tmp", key), "half");
    CHECK_INT(journal_put_away(journal, key, false, 1, &err), 0);
    check_file(at("kept/%s/stdout.log", key), "printed");
    check_file(at("kept/%s/job.log", key), "logged");
    check_file(at("kept/%s/summary.json", key), "short");
    check_file(at("kept/%s/report.html", key), "long");
    CHECK(!is_there(at("kept/%s/starts", key)));
    CHECK(!is_there(at("kept/%s/report.html.tmp", key)));
    CHECK(!is_there(at("jobs/%s", key)));
    check_list("", "");
    finish();
}

static void logs_of_a_fault_are_told_apart(void)
{
    start_with_logs();
    CHECK_INT(journal_put_away(journal, key, true, 1, &err), 0);
    check_kept(KEY ".fault");
    finish();
}

static void without_logs_nothing_is_kept(void)
{
    start_with_claim();
    CHECK_INT(journal_put_away(journal, key, false, 1, &err), 0);
    check_kept("");
    CHECK(!is_there(at("jobs/%s", key)));
    finish();
}

static void none_are_kept_where_none_are_wanted(void)
{
    start_with_logs();
    CHECK_INT(journal_put_away(journal, key, false, 0, &err), 0);
    check_kept("");
    CHECK(!is_there(at("jobs/%s", key)));
    finish();
}

static void the_oldest_go_first_and_faults_count_for_themselves(void)
{
    start_with_logs();
    put_kept("000000000000-a");
    put_kept("000000000000-b");
    put_kept("000000000000-c.fault");
    put_kept("of somebody else");
    CHECK_INT(journal_put_away(journal, key, false, 2, &err), 0);
    check_kept("000000000000-b 000000000000-c.fault " KEY " of somebody else");
    finish();
}

static void trees_are_left_for_the_job_to_clean(void)
{
    start_with_logs();
    put_dir(at("jobs/%s/a-tree", key));
    CHECK_INT(journal_put_away(journal, key, false, 1, &err), -ENOTEMPTY);
    CHECK(is_there(at("jobs/%s/a-tree", key)));
    CHECK(is_there(at("jobs/%s/stdout.log", key)));
    check_list("", key);
    finish();
}

static void a_key_that_is_kept_is_not_used_again(void)
{
    start_with_logs();
    CHECK_INT(journal_put_away(journal, key, true, 1, &err), 0);
    reopen();
    CLEANUP(mem_freep) char *next = add(BODY);
    CHECK_STR(next, "000000000002-21");
    finish();
}

static void where_they_cannot_be_moved_it_is_said(void)
{
    start_with_logs();
    CHECK(rmdir(at("kept")) == 0);
    put_file(at("kept"), "");
    CHECK_INT(journal_put_away(journal, key, false, 1, &err), -ENOTDIR);
    CHECK_CONTAINS(err.message, "kept");
    CHECK(is_there(at("jobs/%s/stdout.log", key)));
    finish();
}

TEST_MAIN(TEST(the_logs_are_kept_and_nothing_else), TEST(logs_of_a_fault_are_told_apart),
          TEST(without_logs_nothing_is_kept), TEST(none_are_kept_where_none_are_wanted),
          TEST(the_oldest_go_first_and_faults_count_for_themselves),
          TEST(trees_are_left_for_the_job_to_clean), TEST(a_key_that_is_kept_is_not_used_again),
          TEST(where_they_cannot_be_moved_it_is_said))
