#include "model/test_index.h"

#include "test.h"

static void what_was_not_added_is_not_found(void)
{
    struct test_index index = {0};
    CHECK_INT(test_index_open(&index, 1, "a"), -1);
    CHECK_INT(test_index_reopen(&index, 1, "a"), -1);
    test_index_add(&index, 1, "a", 0);
    CHECK_INT(test_index_open(&index, 2, "a"), -1);
    CHECK_INT(test_index_open(&index, 1, "b"), -1);
    CHECK_INT(test_index_open(&index, 1, "a"), 0);
    CHECK_INT(test_index_reopen(&index, 1, "a"), -1);
    test_index_done(&index);
}

static void tests_of_one_name_are_taken_in_their_order(void)
{
    struct test_index index = {0};
    test_index_add(&index, 1, "a", 0);
    test_index_add(&index, 1, "b", 1);
    test_index_add(&index, 1, "a", 2);
    test_index_end(&index, 1, "a");
    CHECK_INT(test_index_open(&index, 1, "a"), 2);
    test_index_end(&index, 1, "a");
    CHECK_INT(test_index_open(&index, 1, "a"), -1);
    CHECK_INT(test_index_open(&index, 1, "b"), 1);
    test_index_add(&index, 1, "a", 3);
    CHECK_INT(test_index_open(&index, 1, "a"), 3);
    test_index_done(&index);
}

static void the_last_one_that_ended_is_opened_again_once(void)
{
    struct test_index index = {0};
    test_index_add(&index, 1, "a", 0);
    test_index_add(&index, 1, "a", 1);
    test_index_end(&index, 1, "a");
    CHECK_INT(test_index_reopen(&index, 1, "a"), 0);
    CHECK_INT(test_index_reopen(&index, 1, "a"), -1);
    CHECK_INT(test_index_open(&index, 1, "a"), 1);
    test_index_end(&index, 1, "a");
    CHECK_INT(test_index_open(&index, 1, "a"), 0);
    test_index_end(&index, 1, "a");
    CHECK_INT(test_index_reopen(&index, 1, "a"), 0);
    CHECK_INT(test_index_open(&index, 1, "a"), 0);
    test_index_done(&index);
}

TEST_MAIN(TEST(what_was_not_added_is_not_found), TEST(tests_of_one_name_are_taken_in_their_order),
          TEST(the_last_one_that_ended_is_opened_again_once))
