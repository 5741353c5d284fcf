#include "base/utf8.h"

#include "base/mem.h"
#include "test.h"

#define R "\xef\xbf\xbd" /* U+FFFD */

static void check_repair(const char *bytes, size_t len, const char *want)
{
    CLEANUP(mem_freep) char *got = utf8_repair(bytes, len);
    CHECK_STR(got, want);
}

#define REPAIR(bytes, want) check_repair(bytes, sizeof(bytes) - 1, want)

static void ascii_is_valid(void)
{
    CHECK(utf8_is_valid("plain", 5));
    CHECK(utf8_is_valid("", 0));
    CHECK(utf8_is_valid("a\0b", 3));
    CHECK(utf8_is_valid("\x7f", 1));
}

static size_t encode(unsigned c, unsigned char *s)
{
    if (c < 0x80) {
        s[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        s[0] = (unsigned char)(0xc0 | c >> 6);
        s[1] = (unsigned char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        s[0] = (unsigned char)(0xe0 | c >> 12);
        s[1] = (unsigned char)(0x80 | (c >> 6 & 63));
        s[2] = (unsigned char)(0x80 | (c & 63));
        return 3;
    }
    s[0] = (unsigned char)(0xf0 | c >> 18);
    s[1] = (unsigned char)(0x80 | (c >> 12 & 63));
    s[2] = (unsigned char)(0x80 | (c >> 6 & 63));
    s[3] = (unsigned char)(0x80 | (c & 63));
    return 4;
}

static void all_characters_but_surrogates_are_valid(void)
{
    for (unsigned c = 0; c < 0x120000; c++) {
        unsigned char s[4];
        size_t len = encode(c, s);
        bool want = c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);
        if (utf8_is_valid((char *)s, len) != want)
            TEST_FAIL("U+%04X is said to be %s", c, want ? "ill-formed" : "valid");
    }
}

/* Unicode table 3-7: the ranges of well-formed sequences. */
static const struct {
    size_t len;
    unsigned char ranges[4][2];
} well_formed[] = {
    {1, {{0x00, 0x7f}}},
    {2, {{0xc2, 0xdf}, {0x80, 0xbf}}},
    {3, {{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}}},
    {3, {{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {3, {{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}}},
    {3, {{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}}},
    {4, {{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}}},
};

/* Returns the longest prefix of `s` that starts a well-formed sequence, at least one byte. */
static size_t maximal_subpart(const unsigned char *s, size_t len, bool *ret_whole)
{
    size_t best = 1;
    *ret_whole = false;
    for (size_t k = 0; k < ARRAY_LEN(well_formed); k++) {
        size_t n = 0;
        while (n < len && n < well_formed[k].len && s[n] >= well_formed[k].ranges[n][0] &&
               s[n] <= well_formed[k].ranges[n][1])
            n++;
        *ret_whole = *ret_whole || n == well_formed[k].len;
        best = MAX(best, n);
    }
    return best;
}

static void check_against_the_table(const unsigned char *s, size_t len)
{
    char want[32] = "";
    bool valid = true;
    for (size_t i = 0; i < len;) {
        bool whole;
        size_t n = maximal_subpart(s + i, len - i, &whole);
        valid = valid && whole;
        if (whole && s[i] != 0)
            strncat(want, (const char *)s + i, n);
        else
            strcat(want, R);
        i += n;
    }
    if (utf8_is_valid((const char *)s, len) != valid)
        TEST_FAIL("%02x %02x %02x %02x: not found to be %s", s[0], s[1], s[2], s[3],
                  valid ? "valid" : "ill-formed");
    CLEANUP(mem_freep) char *got = utf8_repair((const char *)s, len);
    if (strcmp(got, want) != 0)
        TEST_FAIL("%02x %02x %02x %02x became \"%s\", not \"%s\"", s[0], s[1], s[2], s[3], got, want);
}

static void four_bytes_from_all_corners_agree_with_the_table(void)
{
    static const unsigned char corners[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2,
                                            0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
    enum { N = ARRAY_LEN(corners) };
    for (size_t i = 0; i < N * N * N * N; i++) {
        const unsigned char s[] = {corners[i % N], corners[i / N % N], corners[i / N / N % N],
                                   corners[i / N / N / N]};
        check_against_the_table(s, 4);
    }
}

static void all_pairs_of_bytes_agree_with_the_table(void)
{
    for (unsigned i = 0; i < 0x10000; i++) {
        const unsigned char s[4] = {(unsigned char)(i >> 8), (unsigned char)i};
        check_against_the_table(s, 2);
    }
}

static void valid_text_stays_as_it_is(void)
{
    REPAIR("", "");
    REPAIR("plain", "plain");
    REPAIR("Гриша \xe2\x82\xac \xf0\x9f\x98\x80", "Гриша \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void nothing_at_no_address_is_an_empty_string(void)
{
    check_repair(NULL, 0, "");
    CHECK(utf8_is_valid(NULL, 0));
}

static void length_counts_not_the_nul_behind(void)
{
    check_repair("abcdef", 3, "abc");
    check_repair("ab\xffxyz", 3, "ab" R);
}

static void nul_becomes_the_replacement_character(void)
{
    REPAIR("a\0b", "a" R "b");
    REPAIR("\0", R);
    REPAIR("a\0", "a" R);
}

/* The Unicode standard, tables 3-8 to 3-11. */
static void overlong_sequences_as_in_unicode_table_3_8(void)
{
    REPAIR("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", R R R R R R R R "A");
}

static void surrogates_as_in_unicode_table_3_9(void)
{
    REPAIR("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", R R R R R R R R "A");
}

static void other_ill_formed_sequences_as_in_unicode_table_3_10(void)
{
    REPAIR("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", R R R R R "A" R R "B");
}

static void truncated_sequences_as_in_unicode_table_3_11(void)
{
    REPAIR("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", R R R R "A");
}

static void a_sequence_cut_at_the_end_is_one_fault(void)
{
    REPAIR("a\xe2\x82", "a" R);
    REPAIR("a\xf0\x9f\x98", "a" R);
    REPAIR("a\xc3", "a" R);
}

static void long_text_is_repaired_to_its_end(void)
{
    enum { N = 100000 };
    char *s = mem_alloc(N);
    memset(s, 0xff, N);
    CLEANUP(mem_freep) char *got = utf8_repair(s, N);
    free(s);
    CHECK_INT(strlen(got), 3 * N);
    CHECK(utf8_is_valid(got, 3 * N));
}

/* One, two, three and four bytes, in every order. */
static const char mixed[] =
    "ab\xc3\xa9z\xe2\x82\xacq\xf0\x9f\x98\x80w\xc3\xa9\xc3\xa9\xe2\x82\xac\xe2\x82\xac"
    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x82\xac"
    "\xc3\xa9\xf0\x9f\x98\x80\xc3\xa9";
enum { MIXED_LEN = sizeof(mixed) - 1 };

static bool is_boundary(size_t i)
{
    return utf8_is_valid(mixed, i) && utf8_is_valid(mixed + i, MIXED_LEN - i);
}

static void cut_takes_the_most_without_splitting_a_character(void)
{
    CHECK(utf8_is_valid(mixed, MIXED_LEN));
    for (size_t max = 0; max < MIXED_LEN + 5; max++) {
        size_t want = MIN(max, (size_t)MIXED_LEN);
        while (!is_boundary(want))
            want--;
        CHECK_INT(utf8_cut(mixed, MIXED_LEN, max), want);
    }
}

static void resume_skips_the_least_to_the_start_of_a_character(void)
{
    for (size_t from = 0; from < MIXED_LEN + 5; from++) {
        size_t want = MIN(from, (size_t)MIXED_LEN);
        while (!is_boundary(want))
            want++;
        CHECK_INT(utf8_resume(mixed, MIXED_LEN, from), want);
    }
}

static void cut_and_resume_of_nothing_are_zero(void)
{
    CHECK_INT(utf8_cut("", 0, 0), 0);
    CHECK_INT(utf8_cut("", 0, 10), 0);
    CHECK_INT(utf8_resume("", 0, 0), 0);
    CHECK_INT(utf8_resume("", 0, 3), 0);
}

static void cut_and_resume_stay_inside_of_garbage(void)
{
    char garbage[64];
    memset(garbage, 0x80, sizeof(garbage));
    CHECK(utf8_cut(garbage, sizeof(garbage), 10) <= 10);
    CHECK_INT(utf8_cut(garbage, sizeof(garbage), sizeof(garbage)), sizeof(garbage));
    CHECK(utf8_resume(garbage, sizeof(garbage), 10) <= sizeof(garbage));
}

static void a_byte_order_mark_has_three_bytes(void)
{
    CHECK_INT(utf8_mark_len("\xef\xbb\xbf", 3), 3);
    CHECK_INT(utf8_mark_len("\xef\xbb\xbfx", 4), 3);
    CHECK_INT(utf8_mark_len("\xef\xbb\xbf", 2), 0);
    CHECK_INT(utf8_mark_len("x\xef\xbb\xbf", 4), 0);
    CHECK_INT(utf8_mark_len(NULL, 0), 0);
}

TEST_MAIN(TEST(ascii_is_valid), TEST(all_characters_but_surrogates_are_valid),
          TEST(all_pairs_of_bytes_agree_with_the_table),
          TEST(four_bytes_from_all_corners_agree_with_the_table), TEST(valid_text_stays_as_it_is),
          TEST(nothing_at_no_address_is_an_empty_string), TEST(length_counts_not_the_nul_behind),
          TEST(nul_becomes_the_replacement_character), TEST(overlong_sequences_as_in_unicode_table_3_8),
          TEST(surrogates_as_in_unicode_table_3_9), TEST(other_ill_formed_sequences_as_in_unicode_table_3_10),
          TEST(truncated_sequences_as_in_unicode_table_3_11), TEST(a_sequence_cut_at_the_end_is_one_fault),
          TEST(long_text_is_repaired_to_its_end), TEST(cut_takes_the_most_without_splitting_a_character),
          TEST(resume_skips_the_least_to_the_start_of_a_character), TEST(cut_and_resume_of_nothing_are_zero),
          TEST(cut_and_resume_stay_inside_of_garbage), TEST(a_byte_order_mark_has_three_bytes))
