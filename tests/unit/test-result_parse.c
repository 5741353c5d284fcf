#include "model/result_parse.h"

#include "base/buf.h"
#include "base/mem.h"
#include "test.h"

static int append(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

static int parse(const char *body, struct result *ret)
{
    return result_parse(body, strlen(body), RESULT_MEMORY_MB, ret, NULL);
}

static void what_was_written_is_read_back(void)
{
    struct result_test tests[] = {{(char *)"a::b", (char *)"", true, 5 << 20, 12, REPORT_PASSED, 0},
                                  {(char *)"c \"d\"", (char *)"why\nnot <é>", false, 0, 0, REPORT_FAILED, 0}};
    struct result written = {.is_passed = true, .duration_ms = 1234, .tests = tests, .tests_len = 2}, r;
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    CHECK_INT(result_write(&written, "\"x\"", RESULT_MEMORY_MB, append, &body), 0);
    CHECK_INT(parse(body.data, &r), 0);
    CHECK(r.is_passed && !r.is_error);
    CHECK_STR(r.error_details, "");
    CHECK_INT(r.duration_ms, 1234);
    CHECK_INT(r.tests_len, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_STR(r.tests[i].name, tests[i].name);
        CHECK_STR(r.tests[i].description, tests[i].description);
        CHECK_INT(r.tests[i].is_passed, tests[i].is_passed);
        CHECK_INT(r.tests[i].memory_bytes, tests[i].memory_bytes);
        CHECK_INT(r.tests[i].duration_ms, tests[i].duration_ms);
    }
    result_done(&r);
}

static void an_error_is_read_back(void)
{
    struct result written, r;
    result_init_error(&written, "no such branch");
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    CHECK_INT(result_write(&written, "1", RESULT_MEMORY_MB, append, &body), 0);
    CHECK_INT(parse(body.data, &r), 0);
    CHECK(r.is_error && !r.is_passed);
    CHECK_STR(r.error_details, "no such branch");
    CHECK_INT(r.tests_len, 0);
    result_done(&r);
    result_done(&written);
}

#define TEST_OK \
    "{\"name\": \"n\", \"description\": \"\", \"isPassed\": true, \"memoryUsed\": 1, \"duration\": 1}"
#define BODY(passed, error, duration, details, tests) \
    "{\"id\": 1, \"isPassed\": " passed ", \"isError\": " error ", \"duration\": " duration \
    ", \"errorDetails\": " details ", \"testResults\": " tests "}"

static void what_is_none_is_refused(void)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        BODY("1", "false", "0", "\"\"", "[]"),
        BODY("true", "\"no\"", "0", "\"\"", "[]"),
        BODY("true", "false", "-1", "\"\"", "[]"),
        BODY("true", "false", "0.5", "\"\"", "[]"),
        BODY("true", "false", "0", "null", "[]"),
        BODY("true", "false", "0", "\"\"", "{}"),
        BODY("true", "false", "0", "\"\"", "[1]"),
        BODY("true", "false", "0", "\"\"", "[" TEST_OK ", {\"name\": \"n\"}]"),
        BODY("true", "false", "0", "\"\"", "[{}, " TEST_OK "]"),
    };
    struct result r;
    CHECK_INT(parse(BODY("true", "false", "0", "\"\"", "[" TEST_OK "]"), &r), 0);
    result_done(&r);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct result untouched = {.duration_ms = 77};
        CHECK(parse(bodies[i], &untouched) < 0);
        CHECK_INT(untouched.duration_ms, 77);
    }
}

TEST_MAIN(TEST(what_was_written_is_read_back), TEST(an_error_is_read_back), TEST(what_is_none_is_refused))
