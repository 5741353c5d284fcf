/* What becomes of results when the disk is full, or something else lies where their files belong. */

#include "file-limit.h"
#include "spools.h"

#define ANSWER "{\"error\": \"no\"}"

/* The result is where it was, for another try, and nothing lies beside it. */
static void check_still_there(void)
{
    CHECK_INT(spool_len(spool), 1);
    check_next(0, "1");
    check_file(at("spool/1.json"), "1");
}

static void an_answer_that_does_not_fit_keeps_the_result(void)
{
    for (size_t room = 0; room < strlen(ANSWER); room++) {
        start();
        add("1");
        limit_files(room);
        int r = spool_rejected(spool, "1", ANSWER, strlen(ANSWER), &err);
        unlimit_files();
        CHECK_INT(r, -EFBIG);
        CHECK_CONTAINS(err.message, "rejected/1.answer.tmp: File too large");
        check_still_there();
        CHECK(!is_there(at("rejected/1.answer")));
        CHECK(!is_there(at("rejected/1.answer.tmp")));
        CHECK_INT(spool_rejected(spool, "1", ANSWER, strlen(ANSWER), &err), 0); /* with room again */
        check_file(at("rejected/1.answer"), ANSWER);
        finish();
    }
}

static void delivery_needs_no_room(void)
{
    start();
    add("1");
    limit_files(0);
    int r = spool_delivered(spool, "1", &err);
    unlimit_files();
    CHECK_INT(r, 0);
    CHECK(!is_there(at("spool/1.json")));
    finish();
}

static void check_not_rejected(int code)
{
    CHECK_INT(spool_rejected(spool, "1", ANSWER, strlen(ANSWER), &err), -code);
    CHECK_CONTAINS(err.message, "rejected");
    check_still_there();
}

static void without_the_place_for_what_was_refused_it_stays(void)
{
    start();
    add("1");
    CHECK(rmdir(at("rejected")) == 0);
    check_not_rejected(ENOENT);
    put_file(at("rejected"), "");
    check_not_rejected(ENOTDIR);
    CHECK(unlink(at("rejected")) == 0);
    put_dir(at("rejected"));
    put_dir(at("rejected/1.json"));
    check_not_rejected(EISDIR);
    CHECK(rmdir(at("rejected/1.json")) == 0);
    CHECK_INT(spool_rejected(spool, "1", ANSWER, strlen(ANSWER), &err), 0);
    finish();
}

/* It cannot be sent, nor sent again. */
static void a_result_that_was_taken_away_is_refused_once(void)
{
    start();
    add("1");
    CHECK(unlink(at("spool/1.json")) == 0);
    CHECK_INT(spool_rejected(spool, "1", ANSWER, strlen(ANSWER), &err), -ENOENT);
    CHECK_CONTAINS(err.message, "spool/1.json");
    CHECK_INT(spool_len(spool), 0);
    finish();
}

static void a_directory_in_the_place_of_a_result_is_told(void)
{
    start();
    add("1");
    add("2");
    CHECK(unlink(at("spool/1.json")) == 0);
    put_dir(at("spool/1.json"));
    CHECK_INT(spool_delivered(spool, "1", &err), -EISDIR);
    CHECK_CONTAINS(err.message, "Cannot remove");
    CHECK_CONTAINS(err.message, "spool/1.json");
    reopen(); /* and is no result for the next start */
    CHECK_INT(spool_len(spool), 1);
    check_next(0, "2");
    finish();
}

static void a_key_that_is_not_there_takes_no_other_along(void)
{
    start();
    add("1");
    CHECK_INT(spool_delivered(spool, "2", &err), 0);
    CHECK(spool_rejected(spool, "2", ANSWER, strlen(ANSWER), &err) < 0);
    check_still_there();
    finish();
}

TEST_MAIN(TEST(an_answer_that_does_not_fit_keeps_the_result), TEST(delivery_needs_no_room),
          TEST(without_the_place_for_what_was_refused_it_stays),
          TEST(a_result_that_was_taken_away_is_refused_once),
          TEST(a_directory_in_the_place_of_a_result_is_told),
          TEST(a_key_that_is_not_there_takes_no_other_along))
