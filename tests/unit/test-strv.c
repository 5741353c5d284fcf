#include "base/strv.h"

#include "test.h"

static void a_zeroed_list_is_empty(void)
{
    struct strv v = {0};
    CHECK(v.items == NULL && v.len == 0);
    CHECK(!strv_contains(&v, "a"));
    strv_done(&v);
}

static void push_copies_and_ends_with_null(void)
{
    struct strv v = {0};
    char text[] = "one";
    strv_push(&v, text);
    text[0] = 'X';
    strv_push(&v, "");
    CHECK_INT(v.len, 2);
    CHECK_STR(v.items[0], "one");
    CHECK_STR(v.items[1], "");
    CHECK(v.items[2] == NULL);
    strv_done(&v);
}

static void take_keeps_the_pointer(void)
{
    struct strv v = {0};
    char *s = mem_strdup("mine");
    strv_take(&v, s);
    CHECK(v.items[0] == s && v.items[1] == NULL);
    strv_done(&v);
}

static void pushf_formats(void)
{
    struct strv v = {0};
    strv_pushf(&v, "--%s=%d", "n", 3);
    CHECK_STR(v.items[0], "--n=3");
    CHECK(v.items[1] == NULL);
    strv_done(&v);
}

static void done_leaves_an_empty_list(void)
{
    struct strv v = {0};
    strv_push(&v, "a");
    strv_done(&v);
    CHECK(v.items == NULL && v.len == 0);
    strv_push(&v, "b");
    CHECK_STR(v.items[0], "b");
    strv_done(&v);
    strv_done(&v);
}

static void keeps_many_strings(void)
{
    struct strv v = {0};
    for (int i = 0; i < 5000; i++)
        strv_pushf(&v, "%d", i);
    CHECK_INT(v.len, 5000);
    for (int i = 0; i < 5000; i++)
        CHECK_INT(atoi(v.items[i]), i);
    CHECK(v.items[5000] == NULL);
    strv_done(&v);
}

static void extend_copies_the_other_list(void)
{
    struct strv v = {0}, other = {0};
    strv_extend(&v, &other);
    CHECK_INT(v.len, 0);
    strv_push(&v, "a");
    strv_push(&other, "b");
    strv_push(&other, "c");
    strv_extend(&v, &other);
    strv_done(&other);
    CHECK_INT(v.len, 3);
    CHECK_STR(v.items[1], "b");
    CHECK_STR(v.items[2], "c");
    CHECK(v.items[3] == NULL);
    strv_done(&v);
}

static void contains_compares_whole_strings(void)
{
    struct strv v = {0};
    strv_push(&v, "alpha");
    strv_push(&v, "beta");
    CHECK(strv_contains(&v, "beta"));
    CHECK(!strv_contains(&v, "bet"));
    CHECK(!strv_contains(&v, "betas"));
    CHECK(!strv_contains(&v, "Beta"));
    CHECK(!strv_contains(&v, ""));
    strv_done(&v);
}

static void check_join(const struct strv *v, const char *separator, const char *want)
{
    CLEANUP(mem_freep) char *joined = strv_join(v, separator);
    CHECK_STR(joined, want);
}

static void join_puts_the_separator_between(void)
{
    struct strv v = {0};
    check_join(&v, ", ", "");
    strv_push(&v, "a");
    check_join(&v, ", ", "a");
    strv_push(&v, "");
    strv_push(&v, "c");
    check_join(&v, ", ", "a, , c");
    check_join(&v, "", "ac");
    strv_done(&v);
}

static void check_split(const char *text, const char *separators, const char *want)
{
    struct strv v = {0};
    strv_split(&v, text, separators);
    check_join(&v, "|", want);
    strv_done(&v);
}

static void split_leaves_empty_parts_out(void)
{
    check_split("a,b,c", ",", "a|b|c");
    check_split(",,a,,b,", ",", "a|b");
    check_split("a, b;c", ", ;", "a|b|c");
    check_split("", ",", "");
    check_split(",,,", ",", "");
    check_split("whole", ",", "whole");
}

static void split_appends_to_what_is_there(void)
{
    struct strv v = {0};
    strv_push(&v, "x");
    strv_split(&v, "a b", " ");
    check_join(&v, "|", "x|a|b");
    CHECK(v.items[3] == NULL);
    strv_done(&v);
}

TEST_MAIN(TEST(a_zeroed_list_is_empty), TEST(push_copies_and_ends_with_null), TEST(take_keeps_the_pointer),
          TEST(pushf_formats), TEST(done_leaves_an_empty_list), TEST(keeps_many_strings),
          TEST(extend_copies_the_other_list), TEST(contains_compares_whole_strings),
          TEST(join_puts_the_separator_between), TEST(split_leaves_empty_parts_out),
          TEST(split_appends_to_what_is_there))
