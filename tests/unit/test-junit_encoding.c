#include "reports.h"

#define SUITE(encoding, name) \
    "<?xml version=\"1.0\" encoding=\"" encoding "\"?>\n<testsuite><testcase name='" name "'/></testsuite>"

/* The only case's name, read in pieces of this size. */
static void check_name(const char *text, size_t len, size_t piece, const char *want)
{
    CLEANUP(report_done) struct report report = {0};
    struct err err = {0};
    if (parse_pieces(&junit_default_limits, text, len, piece, &report, &err) != 0)
        TEST_FAIL("refused: %s", err.message);
    CHECK_INT(report.len, 1);
    CHECK_STR(report.cases[0].name, want);
}

#define CHECK_NAME(text, want) check_name(text, sizeof(text) - 1, sizeof(text), want)

static void encodings_of_iconv_are_read(void)
{
    CHECK_NAME(SUITE("windows-1251", "\xef\xf0\xe8\xe2\xe5\xf2 \xb9"), "привет №");
    CHECK_NAME(SUITE("CP1251", "\xef"), "п");
    CHECK_NAME(SUITE("KOI8-R", "\xd0\xd2\xc9\xd7\xc5\xd4"), "привет");
    CHECK_NAME(SUITE("koi8-u", "\xb4"), "Є");
    CHECK_NAME(SUITE("IBM866", "\xaf\xe0\xa8"), "при");
    CHECK_NAME(SUITE("iso-8859-5", "\xdf"), "п");
    CHECK_NAME(SUITE("latin1", "\xe9"), "é");
}

/* .NET's string writers write "<?xml … encoding='utf-16'?>" in single bytes. */
static void reports_that_call_themselves_utf_16_are_read(void)
{
    CHECK_NAME(SUITE("utf-16", "привет"), "привет");
    CHECK_NAME("\xef\xbb\xbf" SUITE("utf-16", "привет"), "привет");
    CHECK_NAME("\xef\xbb\xbf" SUITE("windows-1251", "привет"), "привет");
}

static void utf_16_is_read(void)
{
    static const char text[] = SUITE("UTF-16", "a");
    static const char *const marks[] = {"", "\xff\xfe", "\xfe\xff"};
    for (size_t m = 0; m < ARRAY_LEN(marks); m++) {
        struct buf b = BUF_INIT(0);
        buf_append(&b, marks[m], strlen(marks[m]));
        for (size_t i = 0; i < sizeof(text) - 1; i++)
            buf_append(&b, m == 2 ? (char[]){0, text[i]} : (char[]){text[i], 0}, 2);
        check_name(b.data, b.len, b.len, "a");
        buf_done(&b);
    }
}

/* The declaration may be split anywhere. */
static void pieces_of_a_declaration_give_the_same(void)
{
    static const char *const texts[] = {SUITE("windows-1251", "\xef"), SUITE("utf-16", "п"),
                                        "\xef\xbb\xbf" SUITE("koi8-r", "п")};
    for (size_t t = 0; t < ARRAY_LEN(texts); t++)
        for (size_t piece = 1; piece < 70; piece++)
            check_name(texts[t], strlen(texts[t]), piece, "п");
}

TEST_MAIN(TEST(encodings_of_iconv_are_read), TEST(reports_that_call_themselves_utf_16_are_read),
          TEST(utf_16_is_read), TEST(pieces_of_a_declaration_give_the_same))
