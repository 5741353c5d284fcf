#include "spools.h"

static void check_bodies_in_order(const char *const *keys, size_t len)
{
    CHECK_INT(spool_len(spool), len);
    for (size_t i = 0; i < len; i++) {
        check_next(0, keys[i]);
        spool_find(spool, keys[i])->in_flight = true;
    }
    check_no_next(0, CLOCK_NEVER);
}

/* ---- opening ---- */

static void an_empty_spool_has_nothing_to_deliver(void)
{
    start();
    CHECK_INT(spool_len(spool), 0);
    check_no_next(0, CLOCK_NEVER);
    check_no_next(INT64_MAX, CLOCK_NEVER);
    CHECK(spool_find(spool, "a") == NULL);
    finish();
}

static void the_places_are_made_for_the_owner_alone(void)
{
    start();
    CHECK_INT(mode_of(at("spool")), 0700);
    CHECK_INT(mode_of(at("rejected")), 0700);
    finish();
}

static void what_an_earlier_run_has_left_is_taken_in_by_age(void)
{
    static const char *const keys[] = {"000000000002-b", "000000000009-z", "000000000010-a",
                                       "000000000100-0"};
    start();
    for (size_t i = ARRAY_LEN(keys); i > 0; i--)
        put_file(at("spool/%s.json", keys[i - 1]), "{}");
    reopen();
    check_bodies_in_order(keys, ARRAY_LEN(keys));
    finish();
}

static void foreign_files_are_left_alone(void)
{
    static const char *const names[] = {"README", ".json",  "a.json.tmp", "a.jso",
                                        "json",   "a.JSON", "a.answer"};
    start();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_file(at("spool/%s", names[i]), "x");
    put_file(at("rejected/000000000001-a.json"), "{}");
    reopen();
    CHECK_INT(spool_len(spool), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        check_file(at("spool/%s", names[i]), "x");
    finish();
}

static void what_was_half_written_is_removed_by_the_next_start(void)
{
    start();
    put_file(at("spool/000000000001-a.json.tmp"), "{");
    put_file(at("rejected/000000000001-a.answer.tmp"), "n");
    put_file(at("rejected/000000000001-a.answer"), "no");
    put_file(at("rejected/000000000001-a.json"), "{}");
    reopen();
    CHECK(!is_there(at("spool/000000000001-a.json.tmp")));
    CHECK(!is_there(at("rejected/000000000001-a.answer.tmp")));
    check_file(at("rejected/000000000001-a.answer"), "no");
    finish();
}

/* ---- notes about the last attempt ---- */

static int64_t first_pause_ms(void)
{
    const struct spool_entry *e = spool_at(spool, 0);
    return e->not_before_ms ? e->not_before_ms - clock_now_ms() : 0;
}

static void after_a_post_without_an_answer_the_next_start_waits(void)
{
    clock_test_freeze(1000000);
    start();
    add("000000000001-a");
    CHECK_INT(first_pause_ms(), 0);
    spool_note_post(spool, "000000000001-a");
    reopen();
    CHECK(first_pause_ms() > SPOOL_SETTLE_MS - 2000 && first_pause_ms() <= SPOOL_SETTLE_MS);
    spool_note(spool, "000000000001-a", "HTTP 500");
    reopen();
    CHECK_INT(first_pause_ms(), 0);
    clock_test_freeze(-1);
    finish();
}

static void a_post_of_long_ago_is_not_waited_for(void)
{
    clock_test_freeze(1000000);
    start();
    add("000000000001-a");
    spool_note_post(spool, "000000000001-a");
    struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    CHECK(utimensat(AT_FDCWD, at("spool/000000000001-a.last"), old, 0) == 0);
    reopen();
    CHECK_INT(first_pause_ms(), 0);
    clock_test_freeze(-1);
    finish();
}

static void a_note_goes_with_its_result(void)
{
    start();
    add("000000000001-a");
    add("000000000002-b");
    spool_note(spool, "000000000001-a", "x");
    spool_note(spool, "000000000002-b", "x");
    CHECK_INT(spool_delivered(spool, "000000000001-a", &err), 0);
    CHECK_INT(spool_rejected(spool, "000000000002-b", "no", 2, &err), 0);
    CHECK(!is_there(at("spool/000000000001-a.last")) && !is_there(at("spool/000000000002-b.last")));
    put_file(at("spool/000000000003-c.last"), "of a result that is gone");
    reopen();
    CHECK(!is_there(at("spool/000000000003-c.last")));
    finish();
}

/* The backend deletes an attempt for which two results arrive. */
static void of_two_results_for_one_id_the_oldest_goes_first(void)
{
    start();
    add("000000000001-a");
    add("000000000002-a");
    add("000000000003-ab");
    int64_t next_ms;
    struct spool_entry *first = spool_next(spool, 0, 0, &next_ms);
    CHECK_STR(first->key, "000000000001-a");
    first->in_flight = true;
    CHECK_STR(spool_next(spool, 0, 0, &next_ms)->key, "000000000003-ab");
    CHECK_INT(spool_delivered(spool, "000000000001-a", &err), 0);
    CHECK_STR(spool_next(spool, 0, 0, &next_ms)->key, "000000000002-a");
    finish();
}

static void what_is_stuck_is_not_counted_as_unsent(void)
{
    start();
    add("000000000001-a");
    add("000000000002-b");
    spool_find(spool, "000000000001-a")->is_stuck = true;
    CHECK_INT(spool_len(spool), 2);
    CHECK_INT(spool_unsent(spool), 1);
    finish();
}

static void looking_again_takes_in_what_is_new(void)
{
    start();
    add("000000000002-b");
    put_file(at("spool/000000000001-a.json"), "{}");
    CHECK_INT(spool_look_again(spool), 1);
    CHECK_INT(spool_look_again(spool), 0);
    CHECK_INT(spool_len(spool), 2);
    check_next(0, "000000000001-a");
    finish();
}

/* Who hands it over adds it, when it has forgotten the task. */
static void looking_again_leaves_what_is_being_handed_over(void)
{
    start();
    put_dir(at("jobs"));
    put_dir(at("jobs/000000000001-a"));
    put_file(at("jobs/000000000001-a/task.json"), "{}");
    put_file(at("spool/000000000001-a.json"), "{}");
    CHECK_INT(spool_look_again(spool), 0);
    CHECK_INT(spool_len(spool), 0);
    CHECK(unlink(at("jobs/000000000001-a/task.json")) == 0);
    CHECK_INT(spool_look_again(spool), 1);
    finish();
}

static void a_start_takes_in_what_was_being_handed_over(void)
{
    start();
    put_dir(at("jobs"));
    put_dir(at("jobs/000000000001-a"));
    put_file(at("jobs/000000000001-a/task.json"), "{}");
    put_file(at("spool/000000000001-a.json"), "{}");
    reopen();
    CHECK_INT(spool_len(spool), 1);
    finish();
}

static void a_file_in_the_way_is_a_fault(void)
{
    static const char *const names[] = {"spool", "rejected"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        start();
        CHECK(rmdir(at("%s", names[i])) == 0);
        put_file(at("%s", names[i]), "");
        struct spool *other = NULL;
        CHECK(spool_open(state, &other, &err) < 0);
        CHECK(other == NULL); /* untouched */
        CHECK_CONTAINS(err.message, names[i]);
        finish();
    }
}

static void nothing_can_be_freed(void)
{
    spool_free(NULL);
}

/* ---- what is next ---- */

static void the_oldest_is_first_whenever_it_was_added(void)
{
    static const char *const keys[] = {"000000000001-c", "000000000002-b", "000000000003-a"};
    start();
    add(keys[1]);
    add(keys[2]);
    add(keys[0]);
    check_bodies_in_order(keys, ARRAY_LEN(keys));
    finish();
}

static void what_is_in_flight_is_not_next(void)
{
    start();
    add("1");
    add("2");
    spool_find(spool, "1")->in_flight = true;
    check_next(0, "2");
    spool_find(spool, "1")->in_flight = false;
    check_next(0, "1");
    finish();
}

static void others_may_be_let_go_first(void)
{
    static const char *const wanted[] = {"1", "3", "4", "4", "4"};
    int64_t next_ms;
    start();
    add("1");
    add("2");
    add("3");
    add("4");
    spool_find(spool, "2")->in_flight = true;
    for (unsigned skip = 0; skip < ARRAY_LEN(wanted); skip++) {
        struct spool_entry *e = spool_next(spool, 0, skip, &next_ms);
        CHECK(e != NULL);
        CHECK_STR(e->key, wanted[skip]);
    }
    finish();
}

static void what_has_to_wait_is_not_next_before_its_time(void)
{
    start();
    add("1");
    add("2");
    spool_find(spool, "1")->not_before_ms = 1000;
    check_next(999, "2");
    check_next(1000, "1");
    finish();
}

static void the_first_time_of_all_that_wait_is_told(void)
{
    start();
    add("1");
    add("2");
    add("3");
    spool_find(spool, "1")->not_before_ms = 3000;
    spool_find(spool, "2")->not_before_ms = 1000;
    spool_find(spool, "3")->not_before_ms = 2000;
    check_no_next(999, 1000);
    check_next(1000, "2");
    spool_find(spool, "2")->in_flight = true; /* its end is an event of its own */
    check_no_next(1000, 2000);
    finish();
}

static void with_all_in_flight_there_is_nothing_to_wait_for(void)
{
    start();
    add("1");
    spool_find(spool, "1")->in_flight = true;
    spool_find(spool, "1")->not_before_ms = 5;
    check_no_next(0, CLOCK_NEVER);
    finish();
}

static void a_new_entry_may_go_at_once(void)
{
    start();
    add("1");
    struct spool_entry *e = spool_find(spool, "1");
    CHECK(e && !e->in_flight);
    CHECK_INT(e->not_before_ms, 0);
    CHECK_INT(e->failures, 0);
    finish();
}

static void an_entry_keeps_its_state_when_others_come_and_go(void)
{
    start();
    add("2");
    *spool_find(spool, "2") =
        (struct spool_entry){.key = spool_find(spool, "2")->key, .not_before_ms = 7, .failures = 3};
    add("1");
    add("3");
    CHECK_INT(spool_delivered(spool, "1", &err), 0);
    CHECK_INT(spool_delivered(spool, "3", &err), 0);
    CHECK_INT(spool_len(spool), 1);
    CHECK_INT(spool_find(spool, "2")->not_before_ms, 7);
    CHECK_INT(spool_find(spool, "2")->failures, 3);
    finish();
}

static void keys_are_found_whole(void)
{
    start();
    add("12");
    CHECK(spool_find(spool, "12") != NULL);
    CHECK(spool_find(spool, "1") == NULL);
    CHECK(spool_find(spool, "123") == NULL);
    finish();
}

/* ---- the body ---- */

static void a_body_is_opened_for_reading(void)
{
    start();
    add("1");
    int fd = -1;
    CHECK_INT(spool_open_body(spool, "1", &fd, &err), 0);
    char text[8];
    CHECK_INT(read(fd, text, sizeof(text)), 1);
    CHECK_INT(text[0], '1');
    CHECK_INT(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    fd_close(fd);
    finish();
}

static void a_body_that_is_not_there_is_a_fault(void)
{
    start();
    int fd = -7;
    CHECK_INT(spool_open_body(spool, "1", &fd, &err), -ENOENT);
    CHECK_INT(fd, -7);
    CHECK_CONTAINS(err.message, "spool/1.json");
    finish();
}

static void a_body_is_never_read_through_a_link(void)
{
    start();
    put_file(at("secret"), "x");
    CHECK(symlink(at("secret"), at("spool/1.json")) == 0);
    reopen();
    int fd = -7;
    CHECK_INT(spool_open_body(spool, "1", &fd, &err), -ELOOP);
    CHECK_INT(fd, -7);
    finish();
}

/* ---- delivered ---- */

static void what_is_delivered_is_gone(void)
{
    start();
    add("1");
    add("2");
    CHECK_INT(spool_delivered(spool, "1", &err), 0);
    CHECK(!is_there(at("spool/1.json")));
    CHECK(spool_find(spool, "1") == NULL);
    CHECK_INT(spool_len(spool), 1);
    check_next(0, "2");
    CHECK(!is_there(at("rejected/1.json")));
    finish();
}

static void the_key_of_the_entry_itself_will_do(void)
{
    start();
    add("1");
    add("2");
    CHECK_INT(spool_delivered(spool, spool_find(spool, "1")->key, &err), 0);
    CHECK_INT(spool_rejected(spool, spool_find(spool, "2")->key, "no", 2, &err), 0);
    CHECK_INT(spool_len(spool), 0);
    finish();
}

static void what_somebody_has_removed_is_delivered_all_the_same(void)
{
    start();
    add("1");
    CHECK(unlink(at("spool/1.json")) == 0);
    CHECK_INT(spool_delivered(spool, "1", &err), 0);
    CHECK_INT(spool_len(spool), 0);
    finish();
}

static void a_file_that_cannot_be_removed_is_told_and_not_sent_again(void)
{
    start();
    add("1");
    fail_call(0);
    CHECK_INT(spool_delivered(spool, "1", &err), -EIO);
    CHECK(did_fail());
    CHECK_CONTAINS(err.message, "spool/1.json");
    CHECK_INT(spool_len(spool), 0); /* until the next start: a backend takes a result twice */
    finish();
}

/* ---- rejected ---- */

static void what_is_rejected_is_kept_with_the_answer(void)
{
    start();
    add("1");
    add("2");
    CHECK_INT(spool_rejected(spool, "1", "{\"error\": \"no\"}\n...", 16, &err), 0);
    check_file(at("rejected/1.json"), "1");
    check_file(at("rejected/1.answer"), "{\"error\": \"no\"}\n");
    CHECK(!is_there(at("spool/1.json")));
    CHECK(spool_find(spool, "1") == NULL);
    check_next(0, "2");
    reopen();
    CHECK_INT(spool_len(spool), 1);
    finish();
}

static void an_answer_may_be_empty(void)
{
    start();
    add("1");
    CHECK_INT(spool_rejected(spool, "1", NULL, 0, &err), 0);
    check_file(at("rejected/1.json"), "1");
    check_file(at("rejected/1.answer"), "");
    finish();
}

static void answer_and_body_are_flushed(void)
{
    start();
    add("1");
    buf_clear(&calls);
    CHECK_INT(spool_rejected(spool, "1", "no", 2, &err), 0);
    CHECK_CALLS("flush 1.answer.tmp\n", "rename 1.answer\n", "rename 1.json\n", "flush rejected\n");
    finish();
}

static void reject_the_result(void)
{
    CHECK_INT(spool_rejected(spool, "1", "no", 2, &err), 0);
}

static void a_crash_while_rejecting_keeps_body_and_answer_together(void)
{
    bool crashed = true;
    for (int n = 0; crashed; n++) {
        start();
        add("1");
        crashed = crashes_after(n, reject_the_result);
        reopen();
        bool rejected = is_there(at("rejected/1.json"));
        CHECK_INT(spool_len(spool), !rejected);
        check_file(rejected ? at("rejected/1.json") : at("spool/1.json"), "1");
        if (rejected)
            check_file(at("rejected/1.answer"), "no");
        else
            reject_the_result();
        CHECK(rejected || crashed);
        finish();
    }
}

/* It stays in the spool, for another try, as long as it has not moved. */
static void a_fault_while_rejecting_keeps_the_entry(void)
{
    bool failed = true;
    int faults = 0;
    for (int n = 0; failed; n++) {
        start();
        add("1");
        fail_call(n);
        int r = spool_rejected(spool, "1", "no", 2, &err);
        failed = did_fail();
        CHECK_INT(spool_len(spool), is_there(at("spool/1.json")));
        CHECK(is_there(at("spool/1.json")) != is_there(at("rejected/1.json")));
        CHECK(r < 0 || spool_len(spool) == 0);
        faults += r < 0;
        finish();
    }
    CHECK(faults >= 4);
}

static void entries_tell_since_when_they_are_known(void)
{
    start();
    clock_test_freeze(1000);
    add("000000000002-b");
    clock_test_freeze(3000);
    add("000000000001-a");
    clock_test_freeze(-1);
    CHECK_STR(spool_at(spool, 0)->key, "000000000001-a");
    CHECK_INT(spool_at(spool, 0)->added_ms, 3000);
    CHECK_INT(spool_at(spool, 1)->added_ms, 1000);
    finish();
}

TEST_MAIN(TEST(entries_tell_since_when_they_are_known), TEST(an_empty_spool_has_nothing_to_deliver),
          TEST(the_places_are_made_for_the_owner_alone),
          TEST(what_an_earlier_run_has_left_is_taken_in_by_age), TEST(foreign_files_are_left_alone),
          TEST(what_was_half_written_is_removed_by_the_next_start),
          TEST(after_a_post_without_an_answer_the_next_start_waits),
          TEST(a_post_of_long_ago_is_not_waited_for), TEST(a_note_goes_with_its_result),
          TEST(of_two_results_for_one_id_the_oldest_goes_first), TEST(what_is_stuck_is_not_counted_as_unsent),
          TEST(looking_again_takes_in_what_is_new), TEST(looking_again_leaves_what_is_being_handed_over),
          TEST(a_start_takes_in_what_was_being_handed_over), TEST(a_file_in_the_way_is_a_fault),
          TEST(nothing_can_be_freed), TEST(the_oldest_is_first_whenever_it_was_added),
          TEST(what_is_in_flight_is_not_next), TEST(others_may_be_let_go_first),
          TEST(what_has_to_wait_is_not_next_before_its_time), TEST(the_first_time_of_all_that_wait_is_told),
          TEST(with_all_in_flight_there_is_nothing_to_wait_for), TEST(a_new_entry_may_go_at_once),
          TEST(an_entry_keeps_its_state_when_others_come_and_go), TEST(keys_are_found_whole),
          TEST(a_body_is_opened_for_reading), TEST(a_body_that_is_not_there_is_a_fault),
          TEST(a_body_is_never_read_through_a_link), TEST(what_is_delivered_is_gone),
          TEST(the_key_of_the_entry_itself_will_do),
          TEST(what_somebody_has_removed_is_delivered_all_the_same),
          TEST(a_file_that_cannot_be_removed_is_told_and_not_sent_again),
          TEST(what_is_rejected_is_kept_with_the_answer), TEST(an_answer_may_be_empty),
          TEST(answer_and_body_are_flushed), TEST(a_crash_while_rejecting_keeps_body_and_answer_together),
          TEST(a_fault_while_rejecting_keeps_the_entry))
