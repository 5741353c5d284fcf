#include "base/buf.h"

#include "test.h"

#include <errno.h>

static void a_new_buffer_is_empty(void)
{
    struct buf b = BUF_INIT(7);
    CHECK_INT(b.len, 0);
    CHECK_INT(b.limit, 7);
    CHECK(b.data == NULL);
    buf_done(&b);
}

static void append_keeps_bytes_and_adds_nul(void)
{
    struct buf b = BUF_INIT(0);
    CHECK_INT(buf_append(&b, "a\0b", 3), 0);
    CHECK_INT(buf_append(&b, "c", 1), 0);
    CHECK_INT(b.len, 4);
    CHECK(memcmp(b.data, "a\0bc", 5) == 0);
    buf_done(&b);
}

static void appending_nothing_makes_an_empty_string(void)
{
    struct buf b = BUF_INIT(0);
    CHECK_INT(buf_append(&b, NULL, 0), 0);
    CHECK_STR(b.data, "");
    buf_done(&b);
}

static void grows_over_many_appends(void)
{
    struct buf b = BUF_INIT(0);
    for (int i = 0; i < 100000; i++)
        CHECK_INT(buf_append(&b, &(char){(char)('a' + i % 26)}, 1), 0);
    CHECK_INT(b.len, 100000);
    for (int i = 0; i < 100000; i++)
        CHECK(b.data[i] == 'a' + i % 26);
    CHECK_INT(b.data[b.len], 0);
    CHECK(b.cap > b.len && b.cap < 4 * b.len);
    buf_done(&b);
}

static void grows_for_one_large_append(void)
{
    static char large[300000];
    memset(large, 'x', sizeof(large));
    struct buf b = BUF_INIT(0);
    CHECK_INT(buf_puts(&b, "ab"), 0);
    CHECK_INT(buf_append(&b, large, sizeof(large)), 0);
    CHECK_INT(b.len, sizeof(large) + 2);
    CHECK(b.data[2] == 'x' && b.data[b.len - 1] == 'x' && b.data[b.len] == '\0');
    buf_done(&b);
}

static void limit_can_be_reached_exactly(void)
{
    struct buf b = BUF_INIT(4);
    CHECK_INT(buf_puts(&b, "ab"), 0);
    CHECK_INT(buf_puts(&b, "cd"), 0);
    CHECK_STR(b.data, "abcd");
    CHECK_INT(buf_append(&b, "", 0), 0);
    buf_done(&b);
}

static void past_the_limit_nothing_is_appended(void)
{
    struct buf b = BUF_INIT(4);
    CHECK_INT(buf_puts(&b, "abc"), 0);
    CHECK_INT(buf_puts(&b, "de"), -EFBIG);
    CHECK_STR(b.data, "abc");
    CHECK_INT(buf_puts(&b, "d"), 0);
    CHECK_INT(buf_puts(&b, "e"), -EFBIG);
    CHECK_INT(buf_append(&b, "", SIZE_MAX), -EFBIG);
    CHECK_STR(b.data, "abcd");
    buf_done(&b);
}

static void a_limit_lowered_below_the_length_holds(void)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "abcdef");
    b.limit = 3;
    CHECK_INT(buf_puts(&b, "g"), -EFBIG);
    CHECK_STR(b.data, "abcdef");
    buf_done(&b);
}

static void printf_appends_formatted_text(void)
{
    struct buf b = BUF_INIT(0);
    CHECK_INT(buf_printf(&b, "%s=%d", "x", 42), 0);
    CHECK_INT(buf_printf(&b, ";"), 0);
    CHECK_STR(b.data, "x=42;");
    buf_done(&b);
}

static void printf_obeys_the_limit(void)
{
    struct buf b = BUF_INIT(4);
    CHECK_INT(buf_printf(&b, "%d", 12345), -EFBIG);
    CHECK_INT(b.len, 0);
    CHECK_INT(buf_printf(&b, "%d", 1234), 0);
    CHECK_STR(b.data, "1234");
    buf_done(&b);
}

static void clear_keeps_memory_and_limit(void)
{
    struct buf b = BUF_INIT(8);
    buf_clear(&b);
    buf_puts(&b, "abc");
    char *data = b.data;
    buf_clear(&b);
    CHECK_INT(b.len, 0);
    CHECK(b.data == data);
    CHECK_STR(b.data, "");
    CHECK_INT(buf_puts(&b, "12345678"), 0);
    CHECK_INT(buf_puts(&b, "9"), -EFBIG);
    buf_done(&b);
}

static void done_frees_and_keeps_the_limit(void)
{
    struct buf b = BUF_INIT(3);
    buf_puts(&b, "abc");
    buf_done(&b);
    CHECK(b.data == NULL && b.len == 0 && b.cap == 0);
    CHECK_INT(b.limit, 3);
    CHECK_INT(buf_puts(&b, "def"), 0);
    CHECK_STR(b.data, "def");
    buf_done(&b);
    buf_done(&b);
}

static void consume_removes_from_the_front(void)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "abcdef");
    buf_consume(&b, 2);
    CHECK_STR(b.data, "cdef");
    CHECK_INT(b.len, 4);
    buf_consume(&b, 0);
    CHECK_STR(b.data, "cdef");
    buf_consume(&b, 4);
    CHECK_STR(b.data, "");
    CHECK_INT(b.len, 0);
    buf_done(&b);
}

static void consume_of_nothing_works_without_memory(void)
{
    struct buf b = BUF_INIT(0);
    buf_consume(&b, 0);
    CHECK_INT(b.len, 0);
    buf_done(&b);
}

static void consumed_bytes_count_no_more_for_the_limit(void)
{
    struct buf b = BUF_INIT(4);
    buf_puts(&b, "abcd");
    buf_consume(&b, 3);
    CHECK_INT(buf_puts(&b, "efg"), 0);
    CHECK_INT(buf_puts(&b, "h"), -EFBIG);
    CHECK_STR(b.data, "defg");
    buf_done(&b);
}

static void take_hands_the_memory_over(void)
{
    struct buf b = BUF_INIT(5);
    buf_puts(&b, "abc");
    char *data = b.data;
    CLEANUP(mem_freep) char *taken = buf_take(&b);
    CHECK(taken == data);
    CHECK_STR(taken, "abc");
    CHECK(b.data == NULL && b.len == 0 && b.cap == 0);
    CHECK_INT(b.limit, 5);
}

static void take_of_an_empty_buffer_is_an_empty_string(void)
{
    struct buf b = BUF_INIT(0);
    CLEANUP(mem_freep) char *taken = buf_take(&b);
    CHECK_STR(taken, "");
}

static void check_last_line(const char *text, const char *want)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, text);
    CLEANUP(mem_freep) char *line = buf_last_line(&b);
    CHECK_STR(line, want);
    buf_done(&b);
}

static void last_line_is_the_last_that_is_not_blank(void)
{
    check_last_line("one\ntwo\nthree\n", "three");
    check_last_line("one\n  two \r\n\n \t\n", "two");
    check_last_line("only", "only");
    check_last_line("", "");
    check_last_line(" \n\n", "");
}

static void last_line_of_a_buffer_without_memory_is_empty(void)
{
    struct buf b = BUF_INIT(0);
    CLEANUP(mem_freep) char *line = buf_last_line(&b);
    CHECK_STR(line, "");
}

TEST_MAIN(TEST(a_new_buffer_is_empty), TEST(append_keeps_bytes_and_adds_nul),
          TEST(appending_nothing_makes_an_empty_string), TEST(grows_over_many_appends),
          TEST(grows_for_one_large_append), TEST(limit_can_be_reached_exactly),
          TEST(past_the_limit_nothing_is_appended), TEST(a_limit_lowered_below_the_length_holds),
          TEST(printf_appends_formatted_text), TEST(printf_obeys_the_limit),
          TEST(clear_keeps_memory_and_limit), TEST(done_frees_and_keeps_the_limit),
          TEST(consume_removes_from_the_front), TEST(consume_of_nothing_works_without_memory),
          TEST(consumed_bytes_count_no_more_for_the_limit), TEST(take_hands_the_memory_over),
          TEST(take_of_an_empty_buffer_is_an_empty_string), TEST(last_line_is_the_last_that_is_not_blank),
          TEST(last_line_of_a_buffer_without_memory_is_empty))
