/* Smaller forms of a result: only texts change. */

#include "model/result_shrink.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "model/details.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static char *repeated(const char *what, size_t times)
{
    char *text = mem_alloc(strlen(what) * times + 1);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * strlen(what), what, strlen(what));
    return text;
}

static json_t *shrink(const char *body, enum result_form form)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(0);
    struct err err = {0};
    json_t *object = NULL;
    if (result_shrink(body, strlen(body), form, &out, &err) < 0)
        TEST_FAIL("%s", err.message);
    if (json_parse_object(out.data, out.len, &object, &err) < 0)
        TEST_FAIL("%s: %s", err.message, out.data);
    return object;
}

static const char *description(json_t *result, size_t i)
{
    return json_string_value(
        json_object_get(json_array_get(json_object_get(result, "testResults"), i), "description"));
}

static void only_descriptions_become_smaller(void)
{
    CLEANUP(mem_freep) char *text = repeated("слово ", 1000);
    CLEANUP(mem_freep)
    char *body = mem_printf(
        "{\"id\": \"x\", \"isPassed\": false, \"duration\": 12, \"testResults\": ["
        "{\"isPassed\": false, \"description\": \"first\\n%s\", \"memoryUsed\": 7, \"duration\": 3, "
        "\"name\": \"a::b\"}, {\"isPassed\": true, \"description\": \"\", \"memoryUsed\": 0, "
        "\"duration\": 0, \"name\": \"c\"}], \"isError\": true, \"errorDetails\": \"why\"}",
        text);
    for (enum result_form form = RESULT_WHOLE; form < RESULT_FORMS; form++) {
        CLEANUP(json_decrefp) json_t *before = json_loads(body, 0, NULL);
        CLEANUP(json_decrefp) json_t *after = shrink(body, form);
        const char *got = description(after, 0);
        if (form == RESULT_WHOLE)
            CHECK_STR(got, description(before, 0));
        if (form == RESULT_SHORT_TEXTS)
            CHECK(strlen(got) < RESULT_SHORT_TEXT_BYTES + 100 && strncmp(got, "first\n", 6) == 0);
        if (form == RESULT_FIRST_LINES)
            CHECK_STR(got, "first");
        if (form == RESULT_NO_TEXTS)
            CHECK_STR(got, "");
        json_t *test = json_array_get(json_object_get(after, "testResults"), 0);
        json_object_set(
            test, "description",
            json_object_get(json_array_get(json_object_get(before, "testResults"), 0), "description"));
        CHECK(json_equal(before, after));
    }
}

static void a_long_first_line_is_cut_between_characters(void)
{
    CLEANUP(mem_freep) char *text = repeated("я", 2000);
    CLEANUP(mem_freep)
    char *body = mem_printf(
        "{\"id\": 1, \"isPassed\": false, \"duration\": 0, \"testResults\": [{\"isPassed\": false, "
        "\"description\": \"%s\", \"memoryUsed\": 0, \"duration\": 0, \"name\": \"a\"}], "
        "\"isError\": false, \"errorDetails\": \"\"}",
        text);
    CLEANUP(json_decrefp) json_t *after = shrink(body, RESULT_FIRST_LINES);
    CHECK(strlen(description(after, 0)) <= RESULT_SHORT_TEXT_BYTES);
    CHECK(strlen(description(after, 0)) > RESULT_SHORT_TEXT_BYTES - 4);
}

/* As written by an earlier version. */
static void long_details_are_shortened_in_each_form(void)
{
    CLEANUP(mem_freep) char *text = repeated("name ", 200);
    CLEANUP(mem_freep)
    char *body = mem_printf(
        "{\"id\": 1, \"isPassed\": false, \"duration\": 0, \"testResults\": [], \"isError\": true, "
        "\"errorDetails\": \"%s\"}",
        text);
    CLEANUP(json_decrefp) json_t *after = shrink(body, RESULT_SHORT_TEXTS);
    CHECK(utf8_count(json_string_value(json_object_get(after, "errorDetails"))) <= DETAILS_MAX_CHARS);
}

static void what_is_no_result_is_refused(void)
{
    static const char *const bodies[] = {"", "[]", "{}", "{\"id\": 1}", "{\"id\": 1, \"isPassed\": true"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(0);
        struct err err = {0};
        CHECK_INT(result_shrink(bodies[i], strlen(bodies[i]), RESULT_NO_TEXTS, &out, &err), -EINVAL);
    }
}

TEST_MAIN(TEST(only_descriptions_become_smaller), TEST(a_long_first_line_is_cut_between_characters),
          TEST(long_details_are_shortened_in_each_form), TEST(what_is_no_result_is_refused))
