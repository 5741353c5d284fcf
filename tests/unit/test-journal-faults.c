/* What becomes of claims when the disk is full, or something else lies where their files belong. */

#include "file-limit.h"
#include "journals.h"

static bool has_temporary(const char *name)
{
    return is_there(at("jobs/%s/%s.tmp", key, name));
}

/* ---- a full disk ---- */

static void a_claim_that_does_not_fit_leaves_nothing(void)
{
    for (size_t room = 0; room < strlen(BODY); room++) {
        start();
        limit_files(room);
        int r = add_body(BODY, &key);
        unlimit_files();
        CHECK_INT(r, -EFBIG);
        CHECK(key == NULL);
        CHECK_CONTAINS(err.message, "task.json.tmp: File too large");
        check_list("", "");
        CHECK(!is_there(at("jobs/" KEY)));
        key = add(BODY); /* when there is room again */
        check_list(key, "");
        finish();
    }
}

static void a_claim_that_just_fits_is_taken(void)
{
    start();
    limit_files(strlen(BODY));
    int r = add_body(BODY, &key);
    unlimit_files();
    CHECK_INT(r, 0);
    check_body(key, BODY, strlen(BODY));
    finish();
}

static void a_start_that_does_not_fit_keeps_the_count(void)
{
    for (size_t room = 0; room < strlen("3\n"); room++) {
        start_with_claim();
        count_start();
        count_start();
        unsigned starts = 77;
        limit_files(room);
        int counted = journal_count_start(journal, key, &starts, &err);
        int uncounted = journal_uncount_start(journal, key, NULL);
        unlimit_files();
        CHECK_INT(counted, -EFBIG);
        CHECK_INT(uncounted, -EFBIG);
        CHECK_INT(starts, 77);
        CHECK_CONTAINS(err.message, "starts.tmp: File too large");
        CHECK(!has_temporary("starts"));
        CHECK_INT(count_start(), 3);
        finish();
    }
}

static void an_error_result_that_does_not_fit_is_none(void)
{
    start_with_claim();
    limit_files(50);
    int r = journal_write_error(journal, key, "text", &err);
    unlimit_files();
    CHECK_INT(r, -EFBIG);
    CHECK_CONTAINS(err.message, "result.json.tmp: File too large");
    CHECK(!journal_has_result(journal, key));
    CHECK(!has_temporary("result.json"));
    check_list(key, "");
    finish();
}

static void an_error_result_that_does_not_fit_keeps_the_one_before(void)
{
    start_with_result();
    limit_files(50);
    int r = journal_write_error(journal, key, "text", &err);
    unlimit_files();
    CHECK_INT(r, -EFBIG);
    check_file(at("jobs/%s/result.json", key), "{\"id\": 21}");
    finish();
}

static void handing_over_needs_no_room(void)
{
    start_with_result();
    limit_files(0);
    int r = journal_hand_over(journal, key, &err);
    unlimit_files();
    CHECK_INT(r, 0);
    check_file(at("spool/%s.json", key), "{\"id\": 21}");
    check_list("", key);
    finish();
}

/* ---- something else in the place of a file ---- */

static void a_file_with_a_claims_name_is_left_alone(void)
{
    start();
    put_file(at("jobs/000000000007-a"), "x");
    CHECK(symlink(at("spool"), at("jobs/000000000008-b")) == 0);
    check_list("", "");
    check_file(at("jobs/000000000007-a"), "x");
    CHECK(is_there(at("jobs/000000000008-b")));
    finish();
}

static void a_file_with_a_claims_name_is_not_put_away_as_one(void)
{
    start();
    put_file(at("jobs/000000000007-a"), "x");
    CHECK_INT(journal_put_away(journal, "000000000007-a", false, 1, &err), -ENOTDIR);
    CHECK_CONTAINS(err.message, "jobs/000000000007-a");
    check_file(at("jobs/000000000007-a"), "x");
    finish();
}

/* The directory with an older claim's logs holds what the journal does not put there, or is a file itself. */
static void check_not_trimmed(bool is_file, int code)
{
    start_with_claim();
    put_file(at("jobs/%s/stdout.log", key), "printed");
    if (is_file) {
        put_file(at("kept/000000000000-a"), "x");
    } else {
        put_dir(at("kept/000000000000-a"));
        put_dir(at("kept/000000000000-a/sub"));
    }
    CHECK_INT(journal_put_away(journal, key, false, 1, &err), -code);
    CHECK_CONTAINS(err.message, "kept/000000000000-a");
    CHECK(is_there(at("kept/000000000000-a")));
    check_file(at("kept/%s/stdout.log", key), "printed");
    check_list("", "");
    finish();
}

static void kept_logs_that_cannot_be_removed_are_told_and_keep_no_newer_ones_out(void)
{
    check_not_trimmed(true, ENOTDIR);
    check_not_trimmed(false, ENOTEMPTY);
}

/* The directory of all claims as `name` may have become; then nothing can be listed or added. */
static void check_no_jobs(bool is_file, int code)
{
    start();
    CHECK(rmdir(at("jobs")) == 0);
    if (is_file)
        put_file(at("jobs"), "");
    struct strv claims = {0}, garbage = {0};
    err = (struct err){0};
    CHECK_INT(journal_list(journal, &claims, &garbage, &err), -code);
    CHECK_INT(claims.len + garbage.len, 0);
    CHECK_CONTAINS(err.message, at("jobs"));
    err = (struct err){0};
    CHECK_INT(add_body(BODY, &key), -code);
    CHECK(key == NULL);
    CHECK_CONTAINS(err.message, at("jobs/" KEY));
    finish();
}

static void without_the_directory_of_claims_each_step_tells_so(void)
{
    check_no_jobs(false, ENOENT);
    check_no_jobs(true, ENOTDIR);
}

static void check_starts_fault(int code, const char *part)
{
    unsigned starts = 77;
    CHECK_INT(journal_count_start(journal, key, &starts, &err), -code);
    CHECK_CONTAINS(err.message, part);
    CHECK_INT(starts, 77);
    CHECK_INT(journal_uncount_start(journal, key, &err), -code);
    finish();
}

/* A job that runs without being counted could bring its machine down for ever. */
static void a_count_that_cannot_be_written_is_a_fault(void)
{
    start_with_claim();
    put_dir(at("jobs/%s/starts", key));
    check_starts_fault(EISDIR, "starts");
}

static void a_count_that_nobody_wrote_begins_anew(void)
{
    start_with_claim();
    put_file(at("jobs/%s/starts", key), "000000000000000000000000000000000000001\n");
    CHECK_INT(count_start(), 1);
    CHECK_INT(count_start(), 2);
    finish();
}

static void a_task_that_is_larger_than_any_answer_is_a_fault(void)
{
    start_with_claim();
    CLEANUP(mem_freep) char *text = mem_alloc(TASK_MAX_BYTES + 2UL);
    memset(text, ' ', TASK_MAX_BYTES + 1UL);
    put_file(at("jobs/%s/task.json", key), text);
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    CHECK_INT(journal_read(journal, key, &body, &err), -EFBIG);
    CHECK_CONTAINS(err.message, "task.json is larger than 1048576 bytes");
    CHECK_INT(journal_write_error(journal, key, "text", &err), -EFBIG);
    CHECK(!journal_has_result(journal, key));
    finish();
}

/* ---- handing over and setting aside ---- */

static void check_not_handed_over(int code)
{
    CHECK_INT(journal_hand_over(journal, key, &err), -code);
    CHECK_CONTAINS(err.message, "spool");
    check_file(at("jobs/%s/result.json", key), "{\"id\": 21}");
    CHECK(is_there(at("jobs/%s/task.json", key)));
}

static void where_the_spool_does_not_take_it_a_result_stays_with_its_claim(void)
{
    start_with_result();
    CHECK(rmdir(at("spool")) == 0);
    check_not_handed_over(ENOENT);
    put_file(at("spool"), "");
    check_not_handed_over(ENOTDIR);
    CHECK(unlink(at("spool")) == 0);
    put_dir(at("spool"));
    put_dir(at("spool/%s.json", key));
    check_not_handed_over(EISDIR);
    finish();
}

static void a_claim_is_set_aside_with_all_its_files(void)
{
    start_with_result();
    CHECK_INT(journal_set_aside(journal, key, &err), 0);
    CHECK_CALLS("rename " KEY ".broken\n", "flush rejected\n");
    check_list("", "");
    CHECK(!is_there(at("jobs/%s", key)));
    check_file(at("rejected/%s.broken/task.json", key), BODY);
    check_file(at("rejected/%s.broken/result.json", key), "{\"id\": 21}");
    CHECK(is_there(at("rejected/%s.broken/src", key)));
    finish();
}

static void the_number_of_a_claim_set_aside_is_not_used_again(void)
{
    start_with_claim();
    CHECK_INT(journal_set_aside(journal, key, &err), 0);
    reopen();
    CLEANUP(mem_freep) char *next = add(BODY);
    CHECK_STR(next, "000000000002-21");
    finish();
}

static void a_claim_that_cannot_be_set_aside_stays(void)
{
    start_with_claim();
    CHECK(rmdir(at("rejected")) == 0);
    CHECK_INT(journal_set_aside(journal, key, &err), -ENOENT);
    CHECK_CONTAINS(err.message, KEY ".broken");
    check_list(key, "");
    put_file(at("rejected"), "");
    CHECK_INT(journal_set_aside(journal, key, &err), -ENOTDIR);
    check_list(key, "");
    finish();
}

TEST_MAIN(TEST(a_claim_that_does_not_fit_leaves_nothing), TEST(a_claim_that_just_fits_is_taken),
          TEST(a_start_that_does_not_fit_keeps_the_count), TEST(an_error_result_that_does_not_fit_is_none),
          TEST(an_error_result_that_does_not_fit_keeps_the_one_before), TEST(handing_over_needs_no_room),
          TEST(a_file_with_a_claims_name_is_left_alone),
          TEST(a_file_with_a_claims_name_is_not_put_away_as_one),
          TEST(kept_logs_that_cannot_be_removed_are_told_and_keep_no_newer_ones_out),
          TEST(without_the_directory_of_claims_each_step_tells_so),
          TEST(a_count_that_cannot_be_written_is_a_fault), TEST(a_count_that_nobody_wrote_begins_anew),
          TEST(a_task_that_is_larger_than_any_answer_is_a_fault),
          TEST(where_the_spool_does_not_take_it_a_result_stays_with_its_claim),
          TEST(a_claim_is_set_aside_with_all_its_files),
          TEST(the_number_of_a_claim_set_aside_is_not_used_again),
          TEST(a_claim_that_cannot_be_set_aside_stays))
