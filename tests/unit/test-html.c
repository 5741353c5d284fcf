#include "model/html.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "test.h"

#include <errno.h>

static int append(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

static void check_text(const char *text, size_t len, const char *want)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(0);
    struct html h = {.sink = append, .data = &b};
    html_text(&h, text, len);
    CHECK_STR(b.data ? b.data : "", want);
    CHECK_INT(h.error, 0);
    CHECK_INT(h.written_bytes, b.len);
}

#define CHECK_TEXT(text, want) check_text(text, sizeof(text) - 1, want)

static void markup_is_escaped(void)
{
    CHECK_TEXT("", "");
    CHECK_TEXT("plain text, tab\tand\nline", "plain text, tab\tand\nline");
    CHECK_TEXT("</pre><script>alert('&\"')</script>",
               "&lt;/pre&gt;&lt;script&gt;alert(&#39;&amp;&#34;&#39;)&lt;/script&gt;");
    CHECK_TEXT("&amp;<!--", "&amp;amp;&lt;!--");
}

static void letters_of_the_world_stay(void)
{
    CHECK_TEXT("тест é 漢字 😀 עברית", "тест é 漢字 😀 עברית");
    CHECK_TEXT("👩‍💻", "👩‍💻"); /* joined by U+200D */
}

static void what_is_no_utf8_is_replaced(void)
{
    CHECK_TEXT("a\xff"
               "b\xc3",
               "a�b�");
    CHECK_TEXT("\xed\xa0\x80", "���");
    CHECK_TEXT("\xc0\xbcscript>", "��script&gt;");
}

static void control_characters_are_seen(void)
{
    CHECK_TEXT("a\0b\0", "a␀b␀");
    CHECK_TEXT("\x01\x07\x08\x1f\x7f", "␁␇␈␟␡");
    CHECK_TEXT("one\r\ntwo\rthree", "one\ntwo␍three");
    CHECK_TEXT("\xc2\x85", "‹0085›");
}

static void colors_are_left_out_and_other_codes_seen(void)
{
    CHECK_TEXT("\x1b[31;1mred\x1b[0m \x1b[m\x1b[Kplain\x1b[38:5:1m", "red plain");
    CHECK_TEXT("\x1b[2J\x1b]0;title\x07\x1b[", "␛[2J␛]0;title␇␛[");
    CHECK_TEXT("\x1b", "␛");
    CHECK_TEXT("\x1b[31", "␛[31");
    CHECK_TEXT("\x1b[<m", "␛[&lt;m");
}

static void marks_of_direction_and_what_nobody_sees_are_shown(void)
{
    CHECK_TEXT("a\u202e\u2066b\u200f", "a‹202E›‹2066›b‹200F›");
    CHECK_TEXT("\u2028\ufeff\u200b\u00ad", "‹2028›‹FEFF›‹200B›‹00AD›");
    CHECK_TEXT("\U000e0041", "‹E0041›");
}

static void nothing_that_is_markup_comes_through_in_any_text(void)
{
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char text[] = {(char)a, (char)b, '<', (char)b};
            CLEANUP(buf_done) struct buf out = BUF_INIT(0);
            struct html h = {.sink = append, .data = &out};
            html_text(&h, text, sizeof(text));
            CHECK(utf8_is_valid(out.data, out.len));
            CHECK(!strpbrk(out.data, "<>\"'"));
            CHECK(strlen(out.data) == out.len && out.len <= HTML_MAX_GROWTH * sizeof(text));
        }
    }
}

static void long_texts_are_cut_between_characters(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(0);
    struct html h = {.sink = append, .data = &b};
    html_short(&h, "жжж", 6);
    html_put(&h, "|");
    html_short(&h, "жжж", 5);
    html_put(&h, "|");
    html_short(&h, "<<<", 1);
    CHECK_STR(b.data, "жжж|жж…|&lt;…");
}

static void long_lines_are_cut_each(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(0);
    struct html h = {.sink = append, .data = &b};
    static const char text[] = "12345\n123456\r\n\nжжж\n123456789";
    html_lines(&h, text, strlen(text), 5);
    CHECK_STR(b.data, "12345\n12345 … [1 more bytes of this line]\n\nжж … [2 more bytes of this line]\n"
                      "12345 … [4 more bytes of this line]");
}

static void numbers_are_for_people(void)
{
    static const struct {
        int64_t ms;
        const char *want;
    } times[] = {{-5, "0 ms"},     {0, "0 ms"},        {999, "999 ms"},
                 {1000, "1.00 s"}, {59999, "59.99 s"}, {200500, "3 min 20 s"}};
    static const struct {
        uint64_t bytes;
        const char *want;
    } sizes[] = {{0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 KB"}, {10 << 20, "10 MB"}, {UINT64_MAX, "16 EB"}};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(0);
        struct html h = {.sink = append, .data = &b};
        html_duration(&h, times[i].ms);
        CHECK_STR(b.data, times[i].want);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(0);
        struct html h = {.sink = append, .data = &b};
        html_size(&h, sizes[i].bytes);
        CHECK_STR(b.data, sizes[i].want);
    }
}

static int fails_at_the_third(const char *text, size_t len, void *data)
{
    int *calls = data;
    return ++*calls == 3 ? -ENOSPC : 0;
}

static void the_first_error_ends_the_writing(void)
{
    int calls = 0;
    struct html h = {.sink = fails_at_the_third, .data = &calls};
    for (int i = 0; i < 9; i++)
        html_put(&h, "ab");
    CHECK_INT(h.error, -ENOSPC);
    CHECK_INT(calls, 3);
    CHECK_INT(h.written_bytes, 4);
}

TEST_MAIN(TEST(markup_is_escaped), TEST(letters_of_the_world_stay), TEST(what_is_no_utf8_is_replaced),
          TEST(control_characters_are_seen), TEST(colors_are_left_out_and_other_codes_seen),
          TEST(marks_of_direction_and_what_nobody_sees_are_shown),
          TEST(nothing_that_is_markup_comes_through_in_any_text), TEST(long_texts_are_cut_between_characters),
          TEST(long_lines_are_cut_each), TEST(numbers_are_for_people), TEST(the_first_error_ends_the_writing))
