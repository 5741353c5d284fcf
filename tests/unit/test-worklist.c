#include "runner/queue/worklist.h"

#include "base/mem.h"
#include "test.h"

/* Takes one out and checks which. */
static void check_take(struct worklist *list, bool claims_too, enum slot_work work, const char *key)
{
    CLEANUP(worklist_item_done) struct worklist_item item = {0};
    CHECK(worklist_take(list, claims_too, &item));
    CHECK_INT(item.work, work);
    CHECK_STR(item.key, key);
    CLEANUP(mem_freep) char *label = mem_printf("label of %s", key);
    CHECK_STR(item.label, label);
}

static void add(struct worklist *list, enum slot_work work, const char *key)
{
    CLEANUP(mem_freep) char *label = mem_printf("label of %s", key);
    worklist_add(list, work, key, label);
}

static void nothing_can_be_taken_from_an_empty_list(void)
{
    CLEANUP(worklist_done) struct worklist list = {0};
    struct worklist_item item = {.work = SLOT_CLEAN};
    CHECK(!worklist_take(&list, true, &item));
    CHECK_INT(item.work, SLOT_CLEAN); /* untouched */
    CHECK(!item.key);
    CHECK_INT(worklist_claims(&list), 0);
}

static void the_first_in_is_the_first_out(void)
{
    CLEANUP(worklist_done) struct worklist list = {0};
    add(&list, SLOT_RUN, "b");
    add(&list, SLOT_CLEAN, "a");
    add(&list, SLOT_RUN, "c");
    CHECK_INT(list.len, 3);
    check_take(&list, true, SLOT_RUN, "b");
    check_take(&list, true, SLOT_CLEAN, "a");
    add(&list, SLOT_CLEAN, "d");
    check_take(&list, true, SLOT_RUN, "c");
    check_take(&list, true, SLOT_CLEAN, "d");
    CHECK_INT(list.len, 0);
}

static void without_claims_the_first_to_clean_is_taken(void)
{
    CLEANUP(worklist_done) struct worklist list = {0};
    add(&list, SLOT_RUN, "a");
    add(&list, SLOT_RUN, "b");
    add(&list, SLOT_CLEAN, "c");
    add(&list, SLOT_RUN, "d");
    add(&list, SLOT_CLEAN, "e");
    check_take(&list, false, SLOT_CLEAN, "c");
    check_take(&list, false, SLOT_CLEAN, "e");
    struct worklist_item item;
    CHECK(!worklist_take(&list, false, &item));
    check_take(&list, true, SLOT_RUN, "a");
    check_take(&list, true, SLOT_RUN, "b");
    check_take(&list, true, SLOT_RUN, "d");
}

static void claims_are_counted(void)
{
    CLEANUP(worklist_done) struct worklist list = {0};
    add(&list, SLOT_RUN, "a");
    add(&list, SLOT_CLEAN, "b");
    add(&list, SLOT_RUN, "c");
    CHECK_INT(worklist_claims(&list), 2);
    check_take(&list, false, SLOT_CLEAN, "b");
    CHECK_INT(worklist_claims(&list), 2);
    check_take(&list, true, SLOT_RUN, "a");
    CHECK_INT(worklist_claims(&list), 1);
}

static void texts_are_copied(void)
{
    CLEANUP(worklist_done) struct worklist list = {0};
    char text[] = "x";
    worklist_add(&list, SLOT_RUN, text, text);
    text[0] = 'y';
    CLEANUP(worklist_item_done) struct worklist_item item = {0};
    CHECK(worklist_take(&list, true, &item));
    CHECK_STR(item.key, "x");
    CHECK_STR(item.label, "x");
}

/* What was taken out may be put back with its own texts, at the end. */
static void a_taken_item_can_be_put_back(void)
{
    CLEANUP(worklist_done) struct worklist list = {0};
    add(&list, SLOT_RUN, "a");
    add(&list, SLOT_RUN, "b");
    CLEANUP(worklist_item_done) struct worklist_item item = {0};
    CHECK(worklist_take(&list, true, &item));
    worklist_add(&list, item.work, item.key, item.label);
    check_take(&list, true, SLOT_RUN, "b");
    check_take(&list, true, SLOT_RUN, "a");
}

static void an_ended_list_is_empty_and_can_be_used_again(void)
{
    CLEANUP(worklist_done) struct worklist list = {0};
    add(&list, SLOT_RUN, "a");
    worklist_done(&list);
    CHECK_INT(list.len, 0);
    add(&list, SLOT_RUN, "b");
    check_take(&list, true, SLOT_RUN, "b");
}

static void many_items_keep_their_order(void)
{
    CLEANUP(worklist_done) struct worklist list = {0};
    for (int i = 0; i < 500; i++) {
        CLEANUP(mem_freep) char *key = mem_printf("%d", i);
        add(&list, i % 3 ? SLOT_RUN : SLOT_CLEAN, key);
    }
    for (int i = 0; i < 500; i++) {
        CLEANUP(mem_freep) char *key = mem_printf("%d", i);
        check_take(&list, true, i % 3 ? SLOT_RUN : SLOT_CLEAN, key);
    }
}

TEST_MAIN(TEST(nothing_can_be_taken_from_an_empty_list), TEST(the_first_in_is_the_first_out),
          TEST(without_claims_the_first_to_clean_is_taken), TEST(claims_are_counted), TEST(texts_are_copied),
          TEST(a_taken_item_can_be_put_back), TEST(an_ended_list_is_empty_and_can_be_used_again),
          TEST(many_items_keep_their_order))
