/*
 * Answers of the backend about an attempt, and the parts of a result that are compared with them.
 */

#include "model/attempt.h"

#include "base/mem.h"
#include "model/result.h"
#include "test.h"

#include <string.h>

#define ID   "\"id\": \"3fa85f64-5717-4562-b3fc-2c963f66afa6\""
#define TEXT "3fa85f64-5717-4562-b3fc-2c963f66afa6"

static enum attempt_verdict verdict;

static enum attempt_state parse(const char *body, bool is_cut)
{
    return attempt_parse(body, strlen(body), is_cut, TEXT, &verdict);
}

static void nothing_stored_is_open(void)
{
    CHECK_INT(parse("{" ID ", \"status\": \"IN_PROGRESS\", \"attemptResult\": null}", false), ATTEMPT_OPEN);
    CHECK_INT(parse("{" ID ", \"status\": \"TIMEOUT\"}", false), ATTEMPT_OPEN);
    CHECK_INT(verdict, ATTEMPT_NO_VERDICT);
}

static void a_stored_result_has_its_verdict_in_the_status(void)
{
    static const struct {
        const char *status;
        enum attempt_verdict verdict;
    } rows[] = {{"SUCCESS", ATTEMPT_PASSED},
                {"FAILURE", ATTEMPT_FAILED},
                {"ERROR", ATTEMPT_ERROR},
                {"TIMEOUT", ATTEMPT_NO_VERDICT},
                {"", ATTEMPT_NO_VERDICT}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(mem_freep)
        char *body = mem_printf("{" ID ", \"status\": \"%s\", \"attemptResult\": {\"testResults\": []}}",
                                rows[i].status);
        CHECK_INT(parse(body, false), ATTEMPT_STORED);
        CHECK_INT(verdict, rows[i].verdict);
    }
    CHECK_INT(parse("{\"attemptResult\": {}, " ID "}", false), ATTEMPT_STORED);
}

static void what_is_not_about_the_attempt_says_nothing(void)
{
    static const char *const bodies[] = {"",
                                         "null",
                                         "[]",
                                         "<html>",
                                         "{}",
                                         "{\"id\": null, \"attemptResult\": null}",
                                         "{\"id\": \"other\", \"attemptResult\": null}",
                                         "{\"attemptResult\": {}}",
                                         "{" ID ", \"attemptResult\": []}",
                                         "{" ID ", \"attemptResult\": \"x\"}",
                                         "{" ID ", \"attemptResult\": false}",
                                         "{" ID ", \"attemptResult\": {}",
                                         "{\"a\": {" ID ", \"attemptResult\": {}}}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        if (parse(bodies[i], false) != ATTEMPT_UNREADABLE)
            TEST_FAIL("taken for an attempt: %s", bodies[i]);
}

static void of_a_cut_answer_the_beginning_of_the_result_is_enough(void)
{
    static const char whole[] =
        "{" ID ", \"status\": \"ERROR\", \"attemptResult\": {\"testResults\": [{\"name\": \"x";
    size_t enough = strlen("{" ID ", \"status\": \"ERROR\", \"attemptResult\": {");
    for (size_t len = 0; len < sizeof(whole); len++) {
        CLEANUP(mem_freep) char *cut = mem_strndup(whole, len);
        CHECK_INT(parse(cut, true), len < enough ? ATTEMPT_UNREADABLE : ATTEMPT_STORED);
    }
    CHECK_INT(verdict, ATTEMPT_ERROR);
    CHECK_INT(parse("{" ID ", \"attemptResult\": null, ", true), ATTEMPT_OPEN);
    CHECK_INT(parse("{" ID ", \"attemptResult\": null", true),
              ATTEMPT_UNREADABLE); /* more may follow: "nullify" */
}

static void an_id_may_be_a_number_or_in_other_letters(void)
{
    static const char number[] = "{\"id\": 18446744073709551617, \"attemptResult\": null}";
    CHECK_INT(attempt_parse(number, strlen(number), false, "18446744073709551617", &verdict), ATTEMPT_OPEN);
    CHECK_INT(attempt_parse(number, strlen(number), false, "1844674407370955161", &verdict),
              ATTEMPT_UNREADABLE);
    CHECK_INT(parse("{\"id\": \"3FA85F64-5717-4562-B3FC-2C963F66AFA6\", \"attemptResult\": null}", false),
              ATTEMPT_OPEN);
    CHECK_INT(parse("{\"id\": \"3fa85f64-5717-4562-b3fc-2c963f66af\\u0061\\u0036\", \"attemptResult\": null}",
                    false),
              ATTEMPT_OPEN);
}

/* ---- a result of ours ---- */

static int take(const char *text, size_t len, void *data)
{
    char *to = data;
    size_t have = strlen(to);
    memcpy(to + have, text, MIN(len, ATTEMPT_PEEK_BYTES - have));
    return 0;
}

static void check_result(const struct result *result, enum attempt_verdict want)
{
    static char text[ATTEMPT_PEEK_BYTES + 1];
    memset(text, 0, sizeof(text));
    result_write(result, "\"a \\\"b\\\"\"", RESULT_MEMORY_MB, take, text);
    CLEANUP(mem_freep) char *id = attempt_of_result(text, strlen(text), &verdict);
    CHECK_STR(id, "a \"b\"");
    CHECK_INT(verdict, want);
}

static void of_a_result_id_and_verdict_are_found(void)
{
    static char name[2 * ATTEMPT_PEEK_BYTES], details[4096];
    memset(name, 'n', sizeof(name) - 1);
    memset(details, '"', sizeof(details) - 1);
    struct result_test test = {.name = name, .description = name};
    struct result result = {.error_details = details, .tests = &test, .tests_len = 1};
    check_result(&result, ATTEMPT_FAILED);
    result.is_passed = true;
    check_result(&result, ATTEMPT_PASSED);
    result.is_error = true;
    check_result(&result, ATTEMPT_ERROR);
}

static void what_is_no_result_has_no_id(void)
{
    static const char *const bodies[] = {"",        "[]",           "{",          "{}", "{\"id\": [1]}",
                                         "{\"id\"", "{\"id\": \"a", "{\"id\": 12"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        CHECK(attempt_of_result(bodies[i], strlen(bodies[i]), &verdict) == NULL);
        CHECK_INT(verdict, ATTEMPT_NO_VERDICT);
    }
}

TEST_MAIN(TEST(nothing_stored_is_open), TEST(a_stored_result_has_its_verdict_in_the_status),
          TEST(what_is_not_about_the_attempt_says_nothing),
          TEST(of_a_cut_answer_the_beginning_of_the_result_is_enough),
          TEST(an_id_may_be_a_number_or_in_other_letters), TEST(of_a_result_id_and_verdict_are_found),
          TEST(what_is_no_result_has_no_id))
