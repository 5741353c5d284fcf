#include "base/json.h"

#include "base/buf.h"
#include "test.h"

#include <errno.h>

#define MARK "\xef\xbb\xbf" /* U+FEFF */

static void an_object_is_parsed(void)
{
    struct err e = {0};
    CLEANUP(json_decrefp) json_t *j = NULL;
    const char *text = " {\"id\": 21, \"branch\": \"main\"}\n";
    CHECK_INT(json_parse_object(text, strlen(text), &j, &e), 0);
    CHECK_INT(json_integer_value(json_object_get(j, "id")), 21);
    CHECK_STR(json_string_value(json_object_get(j, "branch")), "main");
    CHECK_INT(e.class, ERR_NONE);
}

static void only_the_given_length_is_read(void)
{
    struct err e = {0};
    CLEANUP(json_decrefp) json_t *j = NULL;
    CHECK_INT(json_parse_object("{}garbage", 2, &j, &e), 0);
}

static void check_fault(const char *text, size_t len, int want, const char *want_text)
{
    json_t *const untouched = (json_t *)&errno;
    json_t *j = untouched;
    struct err e = {0};
    CHECK_INT(json_parse_object(text, len, &j, &e), want);
    CHECK(j == untouched);
    CHECK_INT(e.class, ERR_NETWORK);
    CHECK_CONTAINS(e.message, want_text);
}

#define FAULT(text, want, want_text) check_fault(text, sizeof(text) - 1, want, want_text)

static void a_byte_order_mark_is_skipped(void)
{
    struct err e = {0};
    CLEANUP(json_decrefp) json_t *j = NULL;
    CHECK_INT(json_parse_object(MARK "{\"id\": 21}", strlen(MARK) + 10, &j, &e), 0);
    CHECK_INT(json_integer_value(json_object_get(j, "id")), 21);
}

static void malformed_text_is_refused_with_its_place(void)
{
    FAULT(MARK MARK "{}", -EINVAL, "Not valid JSON");
    FAULT(MARK, -EINVAL, "Not valid JSON");
    FAULT("\xef\xbb", -EINVAL, "Not valid JSON");
    FAULT("{\"a\": 1,\n \"b\": }", -EINVAL, "line 2");
    FAULT("{\"a\": 1", -EINVAL, "line 1");
    FAULT("{'a': 1}", -EINVAL, "Not valid JSON");
    FAULT("<html>", -EINVAL, "Not valid JSON");
}

static void nothing_is_refused(void)
{
    FAULT("", -EINVAL, "Not valid JSON");
    check_fault(NULL, 0, -EINVAL, "Not valid JSON");
}

static void garbage_behind_the_object_is_refused(void)
{
    FAULT("{} {}", -EINVAL, "Not valid JSON");
}

static void duplicate_keys_are_refused(void)
{
    FAULT("{\"id\": 1, \"id\": 2}", -EINVAL, "duplicate");
    FAULT("{\"a\": {\"b\": 1, \"b\": 1}}", -EINVAL, "duplicate");
}

static void other_than_an_object_is_refused(void)
{
    FAULT("[1, 2]", -EINVAL, "Not a JSON object");
    FAULT("[]", -EINVAL, "Not a JSON object");
    FAULT("\"text\"", -EINVAL, "Not valid JSON");
    FAULT("null", -EINVAL, "Not valid JSON");
    FAULT("17", -EINVAL, "Not valid JSON");
}

static void integers_of_64_bits_are_exact(void)
{
    struct err e = {0};
    CLEANUP(json_decrefp) json_t *j = NULL;
    const char *text = "{\"max\": 9223372036854775807, \"min\": -9223372036854775808}";
    CHECK_INT(json_parse_object(text, strlen(text), &j, &e), 0);
    CHECK_INT(json_integer_value(json_object_get(j, "max")), INT64_MAX);
    CHECK_INT(json_integer_value(json_object_get(j, "min")), INT64_MIN);
}

static void numbers_beyond_64_bits_are_out_of_range(void)
{
    FAULT("{\"id\": 9223372036854775808}", -ERANGE, "Not valid JSON");
    FAULT("{\"id\": -9223372036854775809}", -ERANGE, "Not valid JSON");
    FAULT("{\"id\": 123456789012345678901234567890}", -ERANGE, "Not valid JSON");
    FAULT("{\"id\": 1e999}", -ERANGE, "Not valid JSON");
}

static void ill_formed_utf8_is_refused(void)
{
    FAULT("{\"a\": \"\xff\"}", -EINVAL, "Not valid JSON");
    FAULT("{\"a\": \"\xed\xa0\x80\"}", -EINVAL, "Not valid JSON");
    FAULT("{\"a\": \"\\ud800\"}", -EINVAL, "Not valid JSON");
}

static void nul_in_a_string_is_refused(void)
{
    FAULT("{\"a\": \"x\\u0000y\"}", -EINVAL, "Not valid JSON");
    FAULT("{\"a\": \"x\0y\"}", -EINVAL, "Not valid JSON");
}

static void check_depth_bomb(const char *opening, const char *middle)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "{\"a\":");
    for (int i = 0; i < 200000; i++)
        buf_puts(&b, opening);
    buf_puts(&b, middle);
    json_t *j = NULL;
    struct err e = {0};
    CHECK_INT(json_parse_object(b.data, b.len, &j, &e), -EINVAL);
    CHECK_CONTAINS(e.message, "depth");
    buf_done(&b);
}

static void a_depth_bomb_is_refused(void)
{
    check_depth_bomb("[", "");
    check_depth_bomb("{\"a\":", "1");
}

static void check_quote(const char *s, size_t len, const char *want)
{
    CLEANUP(mem_freep) char *got = json_quote(s, len);
    CHECK_STR(got, want);
}

static void quote_escapes(void)
{
    check_quote("plain", 5, "\"plain\"");
    check_quote("", 0, "\"\"");
    check_quote(NULL, 0, "\"\"");
    check_quote("a\"b\\c\n\t\x01/", 9, "\"a\\\"b\\\\c\\n\\t\\u0001/\"");
}

static void quote_repairs(void)
{
    check_quote("a\xff\0z", 4, "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
    check_quote("\xd0\x93\xe2\x82", 4, "\"\xd0\x93\xef\xbf\xbd\"");
}

static void quoted_text_can_be_parsed_again(void)
{
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    CLEANUP(mem_freep) char *quoted = json_quote(all, sizeof(all));
    CLEANUP(mem_freep) char *text = mem_printf("{\"x\": %s}", quoted);
    CLEANUP(json_decrefp) json_t *j = NULL;
    struct err e = {0};
    CHECK_INT(json_parse_object(text, strlen(text), &j, &e), 0);
    CHECK(json_string_length(json_object_get(j, "x")) == 3 + 127 + 3 * 128);
}

/* ---- one member, from the text ---- */

static void check_found(const char *text, const char *want)
{
    CLEANUP(mem_freep)
    char *copy = malloc(strlen(text)); /* without a NUL, so that reading beyond the end is detected */
    memcpy(copy, text, strlen(text));
    const char *value = NULL;
    size_t len = 0;
    if (json_find_member(copy, strlen(text), "id", &value, &len) < 0)
        TEST_FAIL("%s: nothing found", text);
    CLEANUP(mem_freep) char *got = mem_strndup(value, len);
    CHECK_STR(got, want);
}

static void check_not_found(const char *text, size_t len, int want)
{
    const char *value = NULL;
    size_t value_len = 0;
    CLEANUP(mem_freep) char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    int r = json_find_member(copy, len, "id", &value, &value_len);
    if (r != want || value)
        TEST_FAIL("%s: %d", text, r);
}

static void a_member_is_found_where_it_stands(void)
{
    check_found("{\"id\":1}", "1");
    check_found(MARK " {\"id\":1}", "1");
    check_found(" { \"a\" : 2 , \"id\"\n:\t\"x\\\"}\" } \n", "\"x\\\"}\"");
    check_found("{\"a\":{\"id\":2},\"b\":[\"]\",{\"id\":3}],\"c\":\"\\\"id\\\":4\",\"id\":[{}, 1]}",
                "[{}, 1]");
    check_found("{\"x\":\"id\",\"\\u0069d\":null}", "null");
}

static void a_member_is_found_in_what_is_refused(void)
{
    check_found("{\"a\":1e999,\"id\":1}", "1");
    check_found("{\"a\":NaN,\"id\":1}", "1");
    check_found("{\"a\":\"\\u0000\\ud800\xff\",\"id\":1}", "1");
    check_found("{\"a\":1,\"a\":2,\"id\":1}", "1");
}

static void a_member_that_is_not_there_or_twice_is_not_found(void)
{
    static const char *const missing[] = {"{\"a\":1}", "{\"ID\":1}", "{\"idx\":1,\"i\":2}",
                                          "{\"a\":{\"id\":1}}", "{\"i\\u0064\\u0000\":1}"};
    static const char *const twice[] = {"{\"id\":1,\"id\":1}", "{\"id\":1,\"i\\u0064\":2}"};
    for (size_t i = 0; i < ARRAY_LEN(missing); i++)
        check_not_found(missing[i], strlen(missing[i]), -ENOENT);
    for (size_t i = 0; i < ARRAY_LEN(twice); i++)
        check_not_found(twice[i], strlen(twice[i]), -EINVAL);
}

static void nothing_is_found_in_what_is_no_whole_object(void)
{
    static const char *const texts[] = {
        "null",        "[\"id\",1]", "{}",        "{\"id\":1}}",  "{\"id\":1}{\"id\":1}",
        "{\"id\":1,}", "{\"id\" 1}", "{\"id\":}", "{\"id\":1 2}", "{\"id\":1]",
        "{'id':1}",    "{id:1}",     "\"id\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check_not_found(texts[i], strlen(texts[i]), -EINVAL);
    static const char whole[] = " {\"id\":12,\"a\":[\"\\\"\",{}],\"b\":1e999}";
    for (size_t len = 0; len < strlen(whole); len++)
        check_not_found(whole, len, -EINVAL);
}

TEST_MAIN(TEST(an_object_is_parsed), TEST(only_the_given_length_is_read), TEST(a_byte_order_mark_is_skipped),
          TEST(malformed_text_is_refused_with_its_place), TEST(nothing_is_refused),
          TEST(garbage_behind_the_object_is_refused), TEST(duplicate_keys_are_refused),
          TEST(other_than_an_object_is_refused), TEST(integers_of_64_bits_are_exact),
          TEST(numbers_beyond_64_bits_are_out_of_range), TEST(ill_formed_utf8_is_refused),
          TEST(nul_in_a_string_is_refused), TEST(a_depth_bomb_is_refused), TEST(quote_escapes),
          TEST(quote_repairs), TEST(quoted_text_can_be_parsed_again), TEST(a_member_is_found_where_it_stands),
          TEST(a_member_is_found_in_what_is_refused), TEST(a_member_that_is_not_there_or_twice_is_not_found),
          TEST(nothing_is_found_in_what_is_no_whole_object))
