#include "base/lines.h"

#include "test.h"

/* The lines so far, each followed by a '|'. */
struct got {
    char text[256];
};

static void take(const char *line, void *data)
{
    struct got *got = data;
    size_t len = strlen(got->text);
    snprintf(got->text + len, sizeof(got->text) - len, "%s|", line);
}

static void add(struct lines *lines, const char *text)
{
    lines_add(lines, text, strlen(text));
}

#define START(size_bytes) \
    char buf[size_bytes]; \
    struct got got = {""}; \
    struct lines lines = {.buf = buf, .size = sizeof(buf), .take = take, .data = &got}

static void each_line_is_handed_over(void)
{
    START(16);
    add(&lines, "one\ntwo\n");
    CHECK_STR(got.text, "one|two|");
}

static void a_line_may_come_in_parts(void)
{
    START(16);
    add(&lines, "o");
    add(&lines, "ne");
    CHECK_STR(got.text, "");
    add(&lines, "\nt");
    CHECK_STR(got.text, "one|");
    add(&lines, "wo\n");
    CHECK_STR(got.text, "one|two|");
}

static void empty_lines_are_left_out(void)
{
    START(16);
    add(&lines, "\n\none\n\n\ntwo\n\n");
    CHECK_STR(got.text, "one|two|");
}

static void a_long_line_comes_in_pieces_that_lose_nothing(void)
{
    START(4);
    add(&lines, "abcdefgh\nx\n");
    CHECK_STR(got.text, "abc|def|gh|x|");
}

static void a_line_that_just_fits_is_one(void)
{
    START(4);
    add(&lines, "abc\ndef\n");
    CHECK_STR(got.text, "abc|def|");
}

static void the_smallest_buffer_gives_characters(void)
{
    START(2);
    add(&lines, "ab\nc\n");
    CHECK_STR(got.text, "a|b|c|");
}

static void the_end_hands_over_what_is_left(void)
{
    START(16);
    add(&lines, "one\ntw");
    lines_end(&lines);
    CHECK_STR(got.text, "one|tw|");
    lines_end(&lines);
    CHECK_STR(got.text, "one|tw|");
    add(&lines, "three\n");
    CHECK_STR(got.text, "one|tw|three|");
}

TEST_MAIN(TEST(each_line_is_handed_over), TEST(a_line_may_come_in_parts), TEST(empty_lines_are_left_out),
          TEST(a_long_line_comes_in_pieces_that_lose_nothing), TEST(a_line_that_just_fits_is_one),
          TEST(the_smallest_buffer_gives_characters), TEST(the_end_hands_over_what_is_left))
