#include "base/err.h"

#include "test.h"

#include <errno.h>

static void set_fills_class_and_message_and_gives_the_negative_code(void)
{
    struct err e = {0};
    CHECK_INT(err_set(&e, ERR_TASK, EINVAL, "The branch %s has %d faults", "main", 3), -EINVAL);
    CHECK_INT(e.class, ERR_TASK);
    CHECK_STR(e.message, "The branch main has 3 faults");
}

static void set_overwrites_what_was_there(void)
{
    struct err e = {0};
    err_set(&e, ERR_TASK, EINVAL, "A long first message");
    err_set(&e, ERR_NETWORK, EIO, "short");
    CHECK_INT(e.class, ERR_NETWORK);
    CHECK_STR(e.message, "short");
}

static void errno_text_stands_behind_the_sentence(void)
{
    struct err e = {0};
    CHECK_INT(err_errno(&e, ENOENT, "Cannot open %s", "x"), -ENOENT);
    CHECK_INT(e.class, ERR_INTERNAL);
    CHECK_STR(e.message, "Cannot open x: No such file or directory");
}

static void no_err_struct_is_allowed(void)
{
    CHECK_INT(err_set(NULL, ERR_LIMIT, EFBIG, "x"), -EFBIG);
    CHECK_INT(err_errno(NULL, EPERM, "x"), -EPERM);
    err_prefix(NULL, "x");
}

static void prefix_stands_before_and_keeps_the_class(void)
{
    struct err e = {0};
    err_set(&e, ERR_NETWORK, EIO, "no answer");
    err_prefix(&e, "Cannot fetch %s", "u");
    err_prefix(&e, "Attempt %d", 2);
    CHECK_STR(e.message, "Attempt 2: Cannot fetch u: no answer");
    CHECK_INT(e.class, ERR_NETWORK);
}

static void fill(struct err *e, size_t len)
{
    char text[2000];
    memset(text, 'a', len);
    text[len] = '\0';
    err_set(e, ERR_INTERNAL, EIO, "%s", text);
}

static void a_long_message_is_cut_at_the_end(void)
{
    struct err e = {0};
    fill(&e, sizeof(e.message) - 1);
    CHECK_INT(strlen(e.message), sizeof(e.message) - 1);
    fill(&e, sizeof(e.message));
    CHECK_INT(strlen(e.message), sizeof(e.message) - 1);
    fill(&e, 1999);
    CHECK_INT(strlen(e.message), sizeof(e.message) - 1);
}

static void a_prefix_of_a_full_message_cuts_its_end(void)
{
    struct err e = {0};
    fill(&e, 1999);
    err_prefix(&e, "first");
    CHECK_INT(strlen(e.message), sizeof(e.message) - 1);
    CHECK(strncmp(e.message, "first: aaa", 10) == 0);
}

static void a_prefix_longer_than_all_is_cut(void)
{
    struct err e = {0};
    char text[2000];
    memset(text, 'p', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&e, ERR_TASK, EIO, "old");
    err_prefix(&e, "%s", text);
    CHECK_INT(strlen(e.message), sizeof(e.message) - 1);
    CHECK(e.message[0] == 'p' && e.message[sizeof(e.message) - 2] == 'p');
    CHECK_INT(e.class, ERR_TASK);
}

static void errno_behind_a_full_message_is_cut(void)
{
    struct err e = {0};
    char text[2000];
    memset(text, 'm', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CHECK_INT(err_errno(&e, ENOSPC, "%s", text), -ENOSPC);
    CHECK_INT(strlen(e.message), sizeof(e.message) - 1);
}

static void each_class_has_a_word(void)
{
    CHECK_STR(err_class_name(ERR_NONE), "none");
    CHECK_STR(err_class_name(ERR_INTERNAL), "internal");
    CHECK_STR(err_class_name(ERR_TASK), "task");
    CHECK_STR(err_class_name(ERR_ENVIRONMENT), "environment");
    CHECK_STR(err_class_name(ERR_LIMIT), "limit");
    CHECK_STR(err_class_name(ERR_NETWORK), "network");
    CHECK_STR(err_class_name(ERR_CANCELLED), "cancelled");
}

TEST_MAIN(TEST(set_fills_class_and_message_and_gives_the_negative_code), TEST(set_overwrites_what_was_there),
          TEST(errno_text_stands_behind_the_sentence), TEST(no_err_struct_is_allowed),
          TEST(prefix_stands_before_and_keeps_the_class), TEST(a_long_message_is_cut_at_the_end),
          TEST(a_prefix_of_a_full_message_cuts_its_end), TEST(a_prefix_longer_than_all_is_cut),
          TEST(errno_behind_a_full_message_is_cut), TEST(each_class_has_a_word))
