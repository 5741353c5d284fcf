#include "model/summary.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "test.h"

#define TEXT \
    "{\"id\": \"u-1\", \"repository\": \"https://example.org/a.git\", \"branch\": null, \"commit\": " \
    "\"abc\", " \
    "\"lab\": 2, \"passed\": false, \"error\": true, \"details\": \"why\", \"tests\": 3, " \
    "\"testsPassed\": 2, \"durationMs\": 1500, \"stagesMs\": {\"fetch\": 1, \"prepare\": 2, \"test\": 3, " \
    "\"judge\": 4}, \"finished\": 1790000000, \"memoryBytes\": 1099511627776, \"cpuMs\": 900, " \
    "\"limits\": [\"time\", \"output\"]}\n"

static void what_was_written_is_read_back(void)
{
    CLEANUP(summary_done) struct summary s = {0};
    CHECK(summary_parse(TEXT, strlen(TEXT), &s));
    CHECK_STR(s.id_json, "\"u-1\"");
    CHECK_STR(s.repository, "https://example.org/a.git");
    CHECK(!s.branch);
    CHECK_STR(s.commit, "abc");
    CHECK_STR(s.details, "why");
    CHECK(!s.is_passed && s.is_error);
    CHECK_INT(s.lab * 100 + (int64_t)(s.tests * 10 + s.tests_passed), 232);
    CHECK_INT(s.duration_ms, 1500);
    for (int i = 0; i < SUMMARY_STAGES; i++)
        CHECK_INT(s.stages_ms[i], i + 1);
    CHECK_INT(s.finished_s, 1790000000);
    CHECK_INT(s.memory_bytes, 1LL << 40);
    CHECK_INT(s.cpu_ms, 900);
    for (int i = 0; i < SUMMARY_LIMITS; i++)
        CHECK_INT(s.limits[i], i == SUMMARY_TIME || i == SUMMARY_OUTPUT);
    CLEANUP(mem_freep) char *back = summary_format(&s);
    CHECK_STR(back, TEXT);
}

static void a_task_and_its_result_fill_it(void)
{
    CLEANUP(summary_done) struct summary s = {0};
    int64_t labs[] = {1, 3};
    struct task task = {.id_json = (char *)"-7",
                        .repository_url = (char *)"https://anton:secret@example.org/a.git",
                        .branch = (char *)"main",
                        .labs = labs,
                        .labs_len = 2};
    struct result_test tests[] = {{.is_passed = true, .memory_bytes = 5}, {.memory_bytes = 9}};
    struct result result = {.tests = tests, .tests_len = 2, .duration_ms = 12};
    summary_set_task(&s, &task);
    summary_set_result(&s, &result);
    CHECK_STR(s.id_json, "-7");
    CHECK_STR(s.repository, "https://example.org/a.git");
    CHECK_STR(s.branch, "main");
    CHECK_STR(s.details, "");
    CHECK_INT(s.lab, 3);
    CHECK_INT(s.tests * 10 + s.tests_passed, 21);
    CHECK_INT(s.memory_bytes, 9);
    CHECK_INT(s.duration_ms, 12);
}

static void a_task_without_more_than_an_id_will_do(void)
{
    CLEANUP(summary_done) struct summary s = {0}, back = {0};
    struct task task = {.id_json = (char *)"123456789012345678901234567890"};
    struct result result = {.is_error = true};
    summary_set_task(&s, &task);
    summary_set_result(&s, &result);
    CLEANUP(mem_freep) char *text = summary_format(&s);
    CHECK(summary_parse(text, strlen(text), &back));
    CHECK_STR(back.id_json, "\"123456789012345678901234567890\"");
    CHECK_STR(back.repository, "");
    CHECK(!back.branch && back.is_error);
}

static char *repeated(const char *what, size_t times)
{
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < times; i++)
        buf_puts(&b, what);
    return buf_take(&b);
}

static void check_longest(const char *piece)
{
    CLEANUP(summary_done) struct summary s = {0}, back = {0};
    CLEANUP(mem_freep) char *text = repeated(piece, 5000);
    CLEANUP(mem_freep) char *id = json_quote(text, strlen(text));
    struct task task = {.id_json = id, .repository_url = text, .branch = text};
    struct result result = {.error_details = text, .duration_ms = INT64_MAX};
    summary_set_task(&s, &task);
    summary_set_result(&s, &result);
    summary_set_commit(&s, text);
    s.lab = s.finished_s = s.cpu_ms = INT64_MAX;
    s.tests = s.tests_passed = s.memory_bytes = UINT64_MAX;
    for (int i = 0; i < SUMMARY_STAGES; i++)
        s.stages_ms[i] = INT64_MAX;
    for (int i = 0; i < SUMMARY_LIMITS; i++)
        s.limits[i] = true;
    CLEANUP(mem_freep) char *written = summary_format(&s);
    CHECK(strlen(written) < SUMMARY_MAX_BYTES);
    CHECK(summary_parse(written, strlen(written), &back));
    CHECK_STR(back.details, s.details);
    CHECK(strlen(s.details) <= 4000 && strlen(s.details) > 3990);
    CHECK(utf8_is_valid(s.details, strlen(s.details)));
    CHECK_INT(back.memory_bytes, INT64_MAX);
}

static void whatever_the_texts_it_is_small(void)
{
    static const char *const pieces[] = {"a",    "\"", "\\",   "\x01",         "\n",
                                         "\x7f", "ж",  "\xff", "\xf0\x9f\x98", "😀"};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        check_longest(pieces[i]);
}

static void texts_become_one_line(void)
{
    CLEANUP(summary_done) struct summary s = {0};
    struct result result = {.error_details = (char *)"a\nb\x1b[1m\xff"};
    summary_set_result(&s, &result);
    CHECK_STR(s.details, "a b [1m\xef\xbf\xbd");
}

/* Returns the valid text with one replacement. */
static char *with(const char *part, const char *other)
{
    const char *at = strstr(TEXT, part);
    return mem_printf("%.*s%s%s", (int)(at - TEXT), TEXT, other, at + strlen(part));
}

static void what_is_none_is_refused(void)
{
    static const char *const changes[][2] = {
        {"\"u-1\"", "null"},
        {"\"u-1\"", "1.5"},
        {"\"id\"", "\"ID\""},
        {"null", "1"},
        {"\"https:", "1, \"x\": \""},
        {"\"abc\"", "[]"},
        {"2, \"passed", "-1, \"p"},
        {"false", "0"},
        {"true", "\"true\""},
        {"false", "true"},
        {"\"why\"", "null"},
        {"\"tests\": 3", "\"tests\": 1"},
        {"1500", "1500.5"},
        {"1500", "99999999999999999999"},
        {"1500", "1000000000001"},
        {"1790000000", "9000000000000"},
        {"\"judge\": 4", "\"judge\": 9223372036854775807"},
        {"\"judge\": 4", "\"judge\": -4"},
        {", \"judge\": 4", ""},
        {"{\"fetch\"", "[], \"y\": {\"fetch\""},
        {"[\"time\"", "[1"},
        {"[\"time\", \"output\"]", "\"time\""},
        {"\"output\"", "{}"},
        {"}\n", ""},
        {"}\n", "}}"},
        {"\"cpuMs\"", "\"tests\""},
    };
    struct summary s = {.lab = 77};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        CLEANUP(mem_freep) char *text = with(changes[i][0], changes[i][1]);
        if (summary_parse(text, strlen(text), &s))
            TEST_FAIL("was taken: %s", text);
        CHECK_INT(s.lab, 77);
    }
    for (size_t len = 0; len < strlen(TEXT) - 1; len++) /* truncated anywhere */
        CHECK(!summary_parse(TEXT, len, &s));
    CLEANUP(mem_freep) char *long_text = repeated(" ", SUMMARY_MAX_BYTES);
    memcpy(long_text, TEXT, strlen(TEXT));
    CHECK(!summary_parse(long_text, SUMMARY_MAX_BYTES, &s));
}

static void any_byte_may_be_wrong(void)
{
    for (size_t at = 0; at < strlen(TEXT); at++) {
        for (int byte = 0; byte < 256; byte += 3) {
            CLEANUP(mem_freep) char *text = mem_strdup(TEXT);
            CLEANUP(summary_done) struct summary s = {0};
            text[at] = (char)byte;
            if (!summary_parse(text, strlen(TEXT), &s))
                continue;
            CLEANUP(mem_freep) char *back = summary_format(&s);
            CHECK(strlen(back) < SUMMARY_MAX_BYTES);
        }
    }
}

static void limits_of_a_later_version_are_left_out(void)
{
    CLEANUP(summary_done) struct summary s = {0};
    CLEANUP(mem_freep) char *text = with("\"output\"", "\"patience\"");
    CHECK(summary_parse(text, strlen(text), &s));
    CHECK(s.limits[SUMMARY_TIME] && !s.limits[SUMMARY_OUTPUT]);
}

TEST_MAIN(TEST(what_was_written_is_read_back), TEST(a_task_and_its_result_fill_it),
          TEST(a_task_without_more_than_an_id_will_do), TEST(whatever_the_texts_it_is_small),
          TEST(texts_become_one_line), TEST(what_is_none_is_refused), TEST(any_byte_may_be_wrong),
          TEST(limits_of_a_later_version_are_left_out))
