#include "model/result_parse.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>

static bool take_text(const json_t *o, const char *name, char **ret_text)
{
    const char *text = json_string_value(json_object_get(o, name));
    *ret_text = mem_strdup(text);
    return text;
}

static bool take_number(const json_t *o, const char *name, int64_t *ret)
{
    const json_t *value = json_object_get(o, name);
    *ret = json_integer_value(value);
    return json_is_integer(value) && *ret >= 0;
}

static bool take_bool(const json_t *o, const char *name, bool *ret)
{
    const json_t *value = json_object_get(o, name);
    *ret = json_is_true(value);
    return json_is_boolean(value);
}

static bool take_test(const json_t *o, enum result_memory_unit unit, struct result_test *t)
{
    int64_t memory;
    bool is_whole = take_text(o, "name", &t->name);
    is_whole = take_text(o, "description", &t->description) && is_whole;
    is_whole = take_bool(o, "isPassed", &t->is_passed) && take_number(o, "duration", &t->duration_ms) &&
               take_number(o, "memoryUsed", &memory) && is_whole;
    t->memory_bytes = is_whole ? (uint64_t)memory << (10 * unit) : 0;
    t->status = t->is_passed ? REPORT_PASSED : REPORT_FAILED;
    return is_whole;
}

static bool take_tests(const json_t *tests, enum result_memory_unit unit, struct result *r)
{
    bool is_whole = json_is_array(tests);
    r->tests = mem_alloc((json_array_size(tests) + 1) * sizeof(*r->tests));
    for (; is_whole && r->tests_len < json_array_size(tests); r->tests_len++)
        is_whole = take_test(json_array_get(tests, r->tests_len), unit, &r->tests[r->tests_len]);
    return is_whole;
}

int result_parse(const char *body, size_t len, enum result_memory_unit unit, struct result *ret_result,
                 struct err *err)
{
    json_t *o;
    struct result result = {0};
    int r = json_parse_object(body, len, &o, err);
    if (r < 0)
        return r;
    bool is_whole = take_bool(o, "isPassed", &result.is_passed) &&
                    take_bool(o, "isError", &result.is_error) &&
                    take_number(o, "duration", &result.duration_ms) &&
                    take_text(o, "errorDetails", &result.error_details) &&
                    take_tests(json_object_get(o, "testResults"), unit, &result);
    json_decref(o);
    if (is_whole) {
        *ret_result = result;
        return 0;
    }
    result_done(&result);
    return err_set(err, ERR_INTERNAL, EINVAL, "Not a result");
}
