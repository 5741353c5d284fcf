#include "model/result.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "test.h"

#include <errno.h>

static int append_to_buf(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

/* Returns the text of a result. The caller frees. */
static char *write_text(const struct result *result, const char *id_json, enum result_memory_unit unit)
{
    struct buf b = BUF_INIT(0);
    CHECK_INT(result_write(result, id_json, unit, append_to_buf, &b), 0);
    return buf_take(&b);
}

/* Reads it back. The caller releases it. */
static json_t *write_and_read(const struct result *result, enum result_memory_unit unit)
{
    CLEANUP(mem_freep) char *text = write_text(result, "21", unit);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        TEST_FAIL("%s: %s", error.text, text);
    return root;
}

/* One test; the texts are not owned. */
static struct result_test make_test(const char *name, const char *description)
{
    return (struct result_test){.name = (char *)name, .description = (char *)description};
}

static const char *string_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_int_t integer_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    CHECK(json_is_integer(value));
    return json_integer_value(value);
}

static bool bool_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    CHECK(json_is_boolean(value));
    return json_is_true(value);
}

/* ---- members ---- */

static void a_whole_result_is_read_back_as_it_was(void)
{
    struct result_test tests[] = {
        {"lab1::test_a", "", true, 3 << 20, 290, REPORT_PASSED, 0},
        {"lab1::test_b", "E assert 1 == 2\n>  \"x\\y\"\t/", false, 0, 7, REPORT_FAILED, 0}};
    struct result result = {.is_passed = true,
                            .is_error = true,
                            .error_details = (char *)"«quoted» \"text\"",
                            .duration_ms = 1234,
                            .tests = tests,
                            .tests_len = 2};
    CLEANUP(json_decrefp) json_t *got = write_and_read(&result, RESULT_MEMORY_MB);
    CLEANUP(json_decrefp)
    json_t *want =
        json_pack("{s:i, s:b, s:i, s:[{s:b, s:s, s:i, s:i, s:s}, {s:b, s:s, s:i, s:i, s:s}], s:b, s:s}", "id",
                  21, "isPassed", 1, "duration", 1234, "testResults", //
                  "isPassed", 1, "description", "", "memoryUsed", 3, "duration", 290, "name", "lab1::test_a",
                  "isPassed", 0, "description", "E assert 1 == 2\n>  \"x\\y\"\t/", "memoryUsed", 0,
                  "duration", 7, "name", "lab1::test_b", "isError", 1, "errorDetails", "«quoted» \"text\"");
    CHECK(want != NULL);
    CHECK(json_equal(got, want));
}

static void an_empty_result_has_all_members(void)
{
    struct result result = {0};
    CLEANUP(json_decrefp) json_t *got = write_and_read(&result, RESULT_MEMORY_MB);
    CHECK_INT(json_object_size(got), 6);
    CHECK_INT(integer_at(got, "id"), 21);
    CHECK(!bool_at(got, "isPassed"));
    CHECK_INT(integer_at(got, "duration"), 0);
    CHECK(json_is_array(json_object_get(got, "testResults")));
    CHECK_INT(json_array_size(json_object_get(got, "testResults")), 0);
    CHECK(!bool_at(got, "isError"));
    CHECK_STR(string_at(got, "errorDetails"), "");
}

static void an_empty_test_has_all_members(void)
{
    struct result_test test = {0};
    struct result result = {.tests = &test, .tests_len = 1};
    CLEANUP(json_decrefp) json_t *root = write_and_read(&result, RESULT_MEMORY_MB);
    const json_t *got = json_array_get(json_object_get(root, "testResults"), 0);
    CHECK_INT(json_object_size(got), 5);
    CHECK(!bool_at(got, "isPassed"));
    CHECK_STR(string_at(got, "description"), "");
    CHECK_INT(integer_at(got, "memoryUsed"), 0);
    CHECK_INT(integer_at(got, "duration"), 0);
    CHECK_STR(string_at(got, "name"), "");
}

static void flags_are_told_apart(void)
{
    struct result_test test = {.is_passed = true};
    struct result passed = {.is_passed = true, .tests = &test, .tests_len = 1};
    CLEANUP(json_decrefp) json_t *a = write_and_read(&passed, RESULT_MEMORY_MB);
    CHECK(bool_at(a, "isPassed") && !bool_at(a, "isError"));
    CHECK(bool_at(json_array_get(json_object_get(a, "testResults"), 0), "isPassed"));
    struct result error = {.is_error = true};
    CLEANUP(json_decrefp) json_t *b = write_and_read(&error, RESULT_MEMORY_MB);
    CHECK(!bool_at(b, "isPassed") && bool_at(b, "isError"));
}

static void tests_keep_their_order(void)
{
    enum { COUNT = 3000 };
    struct result result = {.tests_len = COUNT};
    result.tests = mem_alloc(COUNT * sizeof(*result.tests));
    for (int i = 0; i < COUNT; i++)
        result.tests[i].name = mem_printf("test_%d", i);
    CLEANUP(json_decrefp) json_t *root = write_and_read(&result, RESULT_MEMORY_MB);
    const json_t *got = json_object_get(root, "testResults");
    CHECK_INT(json_array_size(got), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        CHECK_STR(string_at(json_array_get(got, i), "name"), result.tests[i].name);
    result_done(&result);
}

/* ---- ids ---- */

static void the_id_is_written_as_it_stands(void)
{
    static const char *const ids[] = {"0",
                                      "-1",
                                      "9007199254740993",
                                      "18446744073709551615",
                                      "123456789012345678901234567890",
                                      "\"21\"",
                                      "\"3fa85f64-5717-4562-b3fc-2c963f66afa6\"",
                                      "\"a\\\"b\\\\\"",
                                      "\"привет\"",
                                      "\"%s%n%%\""};
    struct result result = {0};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        CLEANUP(mem_freep) char *text = write_text(&result, ids[i], RESULT_MEMORY_MB);
        CLEANUP(mem_freep) char *want = mem_printf("{\"id\": %s, \"isPassed\": ", ids[i]);
        CHECK(strncmp(text, want, strlen(want)) == 0);
    }
}

/* ---- texts ---- */

/* Checks a text as description, name and errorDetails. */
static void check_text(const char *text, const char *want)
{
    struct result_test test = make_test(text, text);
    struct result result = {.error_details = (char *)text, .tests = &test, .tests_len = 1};
    CLEANUP(json_decrefp) json_t *root = write_and_read(&result, RESULT_MEMORY_MB);
    const json_t *got = json_array_get(json_object_get(root, "testResults"), 0);
    CHECK_STR(string_at(got, "name"), want);
    CHECK_STR(string_at(got, "description"), want);
    CHECK_STR(string_at(root, "errorDetails"), want);
}

static void texts_are_escaped(void)
{
    static const char *const texts[] = {"\"",           "\\",        "\\\"",        "\n\r\t\b\f",
                                        "\x01\x1f\x7f", "</script>", "{\"id\": 1}", "привет 🐢",
                                        "%s%n",         "\\u0041",   "\xe2\x80\xa8"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check_text(texts[i], texts[i]);
}

static void ill_formed_texts_are_repaired(void)
{
    check_text("a\xff"
               "b",
               "a\xef\xbf\xbd"
               "b");
    check_text("\xd0", "\xef\xbf\xbd");
    check_text("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

/* The whole body must be UTF-8, whatever a program has printed. */
static void every_byte_gives_a_valid_body(void)
{
    char text[256];
    for (int i = 1; i < 256; i++)
        text[i - 1] = (char)i;
    text[255] = '\0';
    struct result_test test = make_test(text, text);
    struct result result = {.error_details = text, .tests = &test, .tests_len = 1};
    CLEANUP(mem_freep) char *body = write_text(&result, "1", RESULT_MEMORY_MB);
    CHECK(utf8_is_valid(body, strlen(body)));
    CLEANUP(json_decrefp) json_t *root = write_and_read(&result, RESULT_MEMORY_MB);
    CHECK(root != NULL);
}

static void an_error_result_has_details_and_no_tests(void)
{
    struct result result;
    result_init_error(&result, "The repository\xff is empty");
    CHECK(result.is_error && !result.is_passed);
    CHECK_STR(result.error_details, "The repository\xef\xbf\xbd is empty");
    CHECK_INT(result.tests_len, 0);
    CHECK_INT(result.duration_ms, 0);
    result_done(&result);
}

static void an_ended_result_is_empty_and_may_be_ended_again(void)
{
    struct result result;
    result_init_error(&result, "text");
    result.tests = mem_alloc(sizeof(*result.tests));
    result.tests[0] = make_test(mem_strdup("name"), mem_strdup("description"));
    result.tests_len = 1;
    result_done(&result);
    CHECK(!result.tests && !result.error_details && !result.is_error);
    CHECK_INT(result.tests_len, 0);
    result_done(&result);
}

/* ---- numbers ---- */

static json_int_t memory_of(uint64_t bytes, enum result_memory_unit unit)
{
    struct result_test test = {.memory_bytes = bytes};
    struct result result = {.tests = &test, .tests_len = 1};
    CLEANUP(json_decrefp) json_t *root = write_and_read(&result, unit);
    return integer_at(json_array_get(json_object_get(root, "testResults"), 0), "memoryUsed");
}

static void memory_in_bytes_is_exact(void)
{
    CHECK_INT(memory_of(0, RESULT_MEMORY_B), 0);
    CHECK_INT(memory_of(1, RESULT_MEMORY_B), 1);
    CHECK_INT(memory_of(123456789, RESULT_MEMORY_B), 123456789);
    CHECK_INT(memory_of(INT64_MAX, RESULT_MEMORY_B), INT64_MAX);
}

static void memory_in_larger_units_is_rounded_up(void)
{
    static const struct {
        uint64_t bytes;
        int64_t kb, mb;
    } rows[] = {{0, 0, 0},          {1, 1, 1},
                {1023, 1, 1},       {1024, 1, 1},
                {1025, 2, 1},       {1048575, 1024, 1},
                {1048576, 1024, 1}, {1048577, 1025, 2},
                {5242880, 5120, 5}, {UINT64_MAX, INT64_C(1) << 54, INT64_C(1) << 44}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_INT(memory_of(rows[i].bytes, RESULT_MEMORY_KB), rows[i].kb);
        CHECK_INT(memory_of(rows[i].bytes, RESULT_MEMORY_MB), rows[i].mb);
    }
}

static void check_duration(int64_t duration_ms, int64_t want)
{
    struct result_test test = {.duration_ms = duration_ms};
    struct result result = {.duration_ms = duration_ms, .tests = &test, .tests_len = 1};
    CLEANUP(json_decrefp) json_t *root = write_and_read(&result, RESULT_MEMORY_MB);
    CHECK_INT(integer_at(root, "duration"), want);
    CHECK_INT(integer_at(json_array_get(json_object_get(root, "testResults"), 0), "duration"), want);
}

static void durations_are_whole_milliseconds(void)
{
    check_duration(0, 0);
    check_duration(1, 1);
    check_duration(600000, 600000);
    check_duration(INT64_MAX, INT64_MAX);
}

static void a_negative_duration_is_none(void)
{
    check_duration(-1, 0);
    check_duration(INT64_MIN, 0);
}

/* ---- the sink ---- */

struct failing_sink {
    int calls, fail_at;
};

static int fail_at_call(const char *text, size_t len, void *data)
{
    struct failing_sink *s = data;
    return ++s->calls == s->fail_at ? -ENOSPC : 0;
}

static void the_first_error_of_the_sink_ends_the_writing(void)
{
    struct result_test tests[2] = {0};
    struct result result = {.tests = tests, .tests_len = 2};
    struct failing_sink whole = {0};
    CHECK_INT(result_write(&result, "1", RESULT_MEMORY_MB, fail_at_call, &whole), 0);
    CHECK(whole.calls > 0);
    for (int at = 1; at <= whole.calls; at++) {
        struct failing_sink sink = {.fail_at = at};
        CHECK_INT(result_write(&result, "1", RESULT_MEMORY_MB, fail_at_call, &sink), -ENOSPC);
        CHECK_INT(sink.calls, at);
    }
}

static void a_result_that_ends_early_is_no_json(void)
{
    struct result_test tests[2] = {0};
    struct result result = {.tests = tests, .tests_len = 2};
    CLEANUP(mem_freep) char *text = write_text(&result, "1", RESULT_MEMORY_MB);
    size_t len = strlen(text);
    CHECK_STR(text + len - 2, "}\n");
    for (size_t i = 0; i < len - 1; i++) {
        CLEANUP(json_decrefp) json_t *part = json_loadb(text, i, 0, NULL);
        CHECK(part == NULL);
    }
}

TEST_MAIN(TEST(a_whole_result_is_read_back_as_it_was), TEST(an_empty_result_has_all_members),
          TEST(an_empty_test_has_all_members), TEST(flags_are_told_apart), TEST(tests_keep_their_order),
          TEST(the_id_is_written_as_it_stands), TEST(texts_are_escaped), TEST(ill_formed_texts_are_repaired),
          TEST(every_byte_gives_a_valid_body), TEST(an_error_result_has_details_and_no_tests),
          TEST(an_ended_result_is_empty_and_may_be_ended_again), TEST(memory_in_bytes_is_exact),
          TEST(memory_in_larger_units_is_rounded_up), TEST(durations_are_whole_milliseconds),
          TEST(a_negative_duration_is_none), TEST(the_first_error_of_the_sink_ends_the_writing),
          TEST(a_result_that_ends_early_is_no_json))
