#include "model/task.h"

#include "base/buf.h"
#include "base/json.h"
#include "test.h"

/* What the last body gave. */
static struct task task;
static struct err err;

/* Without a NUL behind it, so that reading past the end shows. */
static enum task_answer parse_bytes(const char *body, size_t len)
{
    task_done(&task);
    err = (struct err){0};
    CLEANUP(mem_freep) char *copy = malloc(len ? len : 1);
    memcpy(copy, body, len);
    return task_parse(copy, len, &task, &err);
}

static enum task_answer parse(const char *body)
{
    return parse_bytes(body, strlen(body));
}

static void check_valid(const char *body)
{
    if (parse(body) != TASK_VALID)
        TEST_FAIL("%.200s: refused: %s", body, err.message);
    CHECK(task.id_json && task.repository_url);
}

static void check_none(const char *body)
{
    if (parse(body) != TASK_NONE)
        TEST_FAIL("%s: taken for a task", body);
    CHECK(!task.id_json && !task.repository_url);
}

static void check_only_id(void)
{
    CHECK(!task.repository_url && !task.branch && !task.labs);
    CHECK_INT(task.labs_len, 0);
    CHECK_INT(task.tests.len, 0);
}

static void check_malformed(const char *body, const char *want_id, const char *part)
{
    enum task_answer answer = parse(body);
    if (answer != TASK_MALFORMED)
        TEST_FAIL("%.200s: answer %d", body, answer);
    CHECK_STR(task.id_json, want_id);
    CHECK_INT(err.class, ERR_TASK);
    CHECK_CONTAINS(err.message, part);
    check_only_id();
}

static void check_unusable(const char *body, const char *part)
{
    enum task_answer answer = parse(body);
    if (answer != TASK_UNUSABLE)
        TEST_FAIL("%.200s: answer %d", body, answer);
    CHECK(!task.id_json);
    CHECK_INT(err.class, ERR_TASK);
    CHECK_CONTAINS(err.message, part);
    check_only_id();
}

/* A whole task with one more member, or more. */
static char *body_with(const char *members)
{
    return mem_printf("{\"id\": 21, \"repositoryUrl\": \"https://host/x.git\", %s}", members);
}

static void check_valid_with(const char *members)
{
    CLEANUP(mem_freep) char *body = body_with(members);
    check_valid(body);
}

static void check_malformed_with(const char *members, const char *part)
{
    CLEANUP(mem_freep) char *body = body_with(members);
    check_malformed(body, "21", part);
}

/* `fmt` with a text of `len` times `c` in it. */
static char *body_with_text(const char *before, char c, size_t len, const char *behind)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, before);
    for (size_t i = 0; i < len; i++)
        buf_append(&b, &c, 1);
    buf_puts(&b, behind);
    return buf_take(&b);
}

/* ---- the whole ---- */

static void the_example_of_the_protocol_is_read(void)
{
    check_valid(
        "{\"status\": \"AVAILABLE\", \"id\": 21,\n"
        " \"repositoryUrl\": \"https://github.com/os-nsu/proxy-grisha.git\",\n"
        " \"branch\": \"main\", \"laboratoryNumber\": 1, \"connectedTests\": [\"test1\", \"test2\"]}\n");
    CHECK_STR(task.id_json, "21");
    CHECK_STR(task.repository_url, "https://github.com/os-nsu/proxy-grisha.git");
    CHECK_STR(task.branch, "main");
    CHECK_INT(task.labs_len, 1);
    CHECK_INT(task.labs[0], 1);
    CHECK_INT(task.tests.len, 2);
    CHECK_STR(task.tests.items[0], "test1");
    CHECK_STR(task.tests.items[1], "test2");
    CHECK_INT(err.class, ERR_NONE);
}

static void id_and_url_are_enough(void)
{
    check_valid("{\"id\":\"a\",\"repositoryUrl\":\"/srv/x\"}");
    CHECK(!task.branch && !task.labs);
    CHECK_INT(task.labs_len, 0);
    CHECK_INT(task.tests.len, 0);
}

static void unknown_members_are_ignored(void)
{
    check_valid_with(
        "\"ID\": 7, \"Id\": null, \"priority\": 1.5, \"student\": {\"id\": 1, \"status\": \"UNAVAILABLE\"},"
        " \"tags\": [[], {}], \"\": true");
    CHECK_STR(task.id_json, "21");
}

static void the_order_of_members_is_free(void)
{
    check_valid("{\"connectedTests\":[\"t\"],\"laboratoryNumber\":3,\"branch\":\"b\",\"repositoryUrl\":\"u\","
                "\"id\":5,"
                "\"status\":\"AVAILABLE\"}");
    CHECK_STR(task.id_json, "5");
    CHECK_STR(task.branch, "b");
}

static void what_is_no_json_object_is_unusable(void)
{
    static const char *const bodies[] = {"",
                                         " ",
                                         "null",
                                         "true",
                                         "1",
                                         "\"id\"",
                                         "[]",
                                         "[{\"id\": 1}]",
                                         "{",
                                         "{\"id\":}",
                                         "{'id': 1}",
                                         "{\"id\": 1,}",
                                         "<html/>",
                                         "{} {}",
                                         "id",
                                         "{1:2}",
                                         "{\"id\" 1}",
                                         "\xef\xbb\xbf{}",
                                         "[18446744073709551615]"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        check_unusable(bodies[i], "JSON");
}

static void nul_bytes_and_ill_formed_text_are_unusable(void)
{
    static const char nul[] = "{\"id\": 1, \"repositoryUrl\": \"a\0b\"}";
    CHECK_INT(parse_bytes(nul, sizeof(nul) - 1), TASK_UNUSABLE);
    static const char behind[] = "{\"id\": 1, \"repositoryUrl\": \"a\"}\0";
    CHECK_INT(parse_bytes(behind, sizeof(behind) - 1), TASK_UNUSABLE);
    check_unusable("{\"id\": 1, \"repositoryUrl\": \"a\\u0000b\"}", "JSON");
    check_unusable("{\"id\": \"\xff\", \"repositoryUrl\": \"a\"}", "JSON");
    check_unusable("{\"id\": \"\\ud800\", \"repositoryUrl\": \"a\"}", "JSON");
}

static void duplicate_members_are_unusable(void)
{
    check_unusable("{\"id\": 1, \"id\": 2, \"repositoryUrl\": \"u\"}", "duplicate");
    check_unusable("{\"id\": 1, \"repositoryUrl\": \"u\", \"repositoryUrl\": \"v\"}", "duplicate");
    check_unusable("{\"id\": 18446744073709551615, \"id\": 18446744073709551614, \"repositoryUrl\": \"u\"}",
                   "JSON");
    check_unusable("{\"id\": 18446744073709551615, \"repositoryUrl\": \"u\", \"repositoryUrl\": \"v\"}",
                   "JSON");
}

static char *task_of_size(size_t len)
{
    static const char start[] = "{\"id\": 1, \"repositoryUrl\": \"u\"";
    return body_with_text(start, ' ', len - strlen(start) - 1, "}");
}

static void a_body_may_be_so_large_and_no_larger(void)
{
    CLEANUP(mem_freep) char *largest = task_of_size(TASK_MAX_BYTES);
    check_valid(largest);
    CLEANUP(mem_freep) char *larger = task_of_size(TASK_MAX_BYTES + 1);
    check_unusable(larger, "too large");
}

static void deep_nesting_is_no_danger(void)
{
    CLEANUP(mem_freep) char *arrays = body_with_text("{\"id\": 1, \"x\": ", '[', 500000, "");
    check_unusable(arrays, "JSON");
    struct buf b = BUF_INIT(0);
    for (int i = 0; i < 150000; i++)
        buf_puts(&b, "{\"id\":");
    check_unusable(b.data, "JSON");
    buf_done(&b);
}

static const char *const samples[] = {
    "{\"status\": \"AVAILABLE\", \"id\": 21, \"repositoryUrl\": \"https://host/x.git\", \"branch\": \"main\","
    " \"laboratoryNumber\": [1, 2], \"connectedTests\": [\"a\", \"b\"]}",
    "{\"id\": \"3fa85f64-\\\"\\u00e9\\\\\", \"repositoryUrl\": \"u\", \"connectedTests\": null}",
    "{\"a\": {\"id\": 1}, \"b\": \"\\\"id\\\":5\", \"id\" : 18446744073709551615, \"repositoryUrl\": \"u\"}"};

static void a_truncated_task_is_never_valid(void)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        check_valid(samples[i]);
        for (size_t len = 0; len < strlen(samples[i]); len++)
            if (parse_bytes(samples[i], len) != TASK_UNUSABLE)
                TEST_FAIL("taken: %.*s", (int)len, samples[i]);
    }
}

static void a_task_with_a_wrong_byte_has_an_id_or_is_none(void)
{
    static const char bytes[] = "\"\\{}[]:,0-.e \x80\xff\x01in";
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        CLEANUP(mem_freep) char *body = mem_strdup(samples[i]);
        for (size_t at = 0; body[at]; at++) {
            for (const char *byte = bytes; *byte; byte++) {
                body[at] = *byte;
                enum task_answer answer = parse(body);
                CHECK_INT(task.id_json != NULL, answer == TASK_VALID || answer == TASK_MALFORMED);
                CHECK_INT(task.repository_url != NULL, answer == TASK_VALID);
                CHECK_INT(err.message[0] != '\0', answer == TASK_UNUSABLE || answer == TASK_MALFORMED);
            }
            body[at] = samples[i][at];
        }
    }
}

static void the_reason_need_not_be_asked_for(void)
{
    static const char *const bodies[] = {"", "{\"id\": 1}", "{\"id\": 1, \"status\": 2}",
                                         "{\"id\": 18446744073709551615}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct task t;
        CHECK(task_parse(bodies[i], strlen(bodies[i]), &t, NULL) != TASK_VALID);
        task_done(&t);
    }
}

static void an_ended_task_is_empty_and_may_be_ended_again(void)
{
    check_valid(samples[0]);
    task_done(&task);
    CHECK(!task.id_json);
    check_only_id();
    task_done(&task);
}

/* ---- status ---- */

static void available_or_no_status_with_an_id_is_a_task(void)
{
    check_valid_with("\"status\": \"AVAILABLE\"");
    check_valid_with("\"status\": null");
    check_valid_with("\"x\": 1");
}

static void unavailable_is_no_task_whatever_stands_beside_it(void)
{
    check_none("{\"status\": \"UNAVAILABLE\"}");
    check_none("{\"status\": \"UNAVAILABLE\", \"id\": null, \"repositoryUrl\": null}");
    check_none("{\"status\": \"UNAVAILABLE\", \"id\": 21, \"repositoryUrl\": \"u\"}");
    check_none("{\"status\": \"UNAVAILABLE\", \"id\": [], \"branch\": 1}");
    check_none("{\"status\": \"UNAVAILABLE\", \"id\": 18446744073709551615}");
}

static void without_status_and_id_there_is_no_task(void)
{
    check_none("{}");
    check_none("{\"id\": null}");
    check_none("{\"status\": null}");
    check_none("{\"status\": null, \"id\": null}");
    check_none("{\"repositoryUrl\": \"u\"}");
    check_none("{\"message\": \"nothing to do\"}");
}

static const char *const wrong_statuses[] = {"\"available\"",
                                             "\"\"",
                                             "\"AVAILABLE \"",
                                             "\"AVAILABLEX\"",
                                             "\"UNAVAILABL\"",
                                             "1",
                                             "0",
                                             "1.5",
                                             "true",
                                             "false",
                                             "[]",
                                             "{}",
                                             "[\"AVAILABLE\"]"};

static void another_status_is_malformed_where_there_is_an_id(void)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_statuses); i++) {
        CLEANUP(mem_freep) char *member = mem_printf("\"status\": %s", wrong_statuses[i]);
        check_malformed_with(member, "status is neither AVAILABLE nor UNAVAILABLE");
    }
}

static void another_status_is_unusable_where_there_is_no_id(void)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_statuses); i++) {
        CLEANUP(mem_freep)
        char *body = mem_printf("{\"status\": %s, \"repositoryUrl\": \"u\"}", wrong_statuses[i]);
        check_unusable(body, "no usable id");
    }
}

static void available_without_an_id_is_unusable(void)
{
    check_unusable("{\"status\": \"AVAILABLE\", \"repositoryUrl\": \"u\"}", "no usable id");
    check_unusable("{\"status\": \"AVAILABLE\", \"id\": null, \"repositoryUrl\": \"u\"}", "no usable id");
}

/* ---- the id ---- */

static void check_id(const char *text, const char *want)
{
    CLEANUP(mem_freep) char *body = mem_printf("{\"id\": %s, \"repositoryUrl\": \"u\"}", text);
    check_valid(body);
    CHECK_STR(task.id_json, want);
}

static void integers_go_back_digit_by_digit(void)
{
    static const char *const ids[] = {"0",
                                      "1",
                                      "-1",
                                      "21",
                                      "2147483648",
                                      "9007199254740992",
                                      "9007199254740993", /* 2^53 + 1 is no double */
                                      "-9007199254740993",
                                      "9223372036854775806",
                                      "9223372036854775807",
                                      "-9223372036854775808"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        check_id(ids[i], ids[i]);
}

static void integers_beyond_63_bits_go_back_digit_by_digit(void)
{
    static const char *const ids[] = {"9223372036854775808",
                                      "9223372036854775809",
                                      "18446744073709551614",
                                      "18446744073709551615",
                                      "18446744073709551616",
                                      "-9223372036854775809",
                                      "-18446744073709551615",
                                      "340282366920938463463374607431768211455",
                                      "123456789012345678901234567890123456789012345678901234567890"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        check_id(ids[i], ids[i]);
}

static void strings_go_back_as_the_same_string(void)
{
    static const char *const ids[] = {"\"3fa85f64-5717-4562-b3fc-2c963f66afa6\"",
                                      "\"21\"",
                                      "\"18446744073709551615\"",
                                      "\" \"",
                                      "\"null\"",
                                      "\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\"",
                                      "\"\\u0041\\u00e9\\u20ac\\ud83d\\udc22\\u0001\\u007f\"",
                                      "\"привет — 🐢\"",
                                      "\"{\\\"id\\\":5}\"",
                                      "\"../../etc/passwd\"",
                                      "\"%s%n\""};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        CLEANUP(mem_freep) char *body = mem_printf("{\"id\": %s, \"repositoryUrl\": \"u\"}", ids[i]);
        check_valid(body);
        CLEANUP(json_decrefp) json_t *want = json_loads(ids[i], JSON_DECODE_ANY, NULL);
        CLEANUP(json_decrefp) json_t *got = json_loads(task.id_json, JSON_DECODE_ANY, NULL);
        CHECK(want && got && json_equal(want, got));
    }
}

static void an_id_of_another_type_is_unusable(void)
{
    static const char *const ids[] = {"\"\"", "1.5",   "1.0", "1e3", "1E3", "-0.5",
                                      "true", "false", "[]",  "[1]", "{}",  "{\"id\": 1}"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        CLEANUP(mem_freep) char *body = mem_printf("{\"id\": %s, \"repositoryUrl\": \"u\"}", ids[i]);
        check_unusable(body, "no usable id");
    }
}

static char *body_with_id_of(char c, size_t len)
{
    return body_with_text("{\"repositoryUrl\": \"u\", \"id\": \"", c, len, "\"}");
}

static void a_long_string_is_an_id_up_to_the_limit(void)
{
    CLEANUP(mem_freep) char *four_kb = body_with_id_of('x', 4096);
    check_valid(four_kb);
    CHECK_INT(strlen(task.id_json), 4096 + 2);
    CLEANUP(mem_freep) char *longest = body_with_id_of('x', TASK_MAX_ID_BYTES);
    check_valid(longest);
    CLEANUP(mem_freep) char *longer = body_with_id_of('x', TASK_MAX_ID_BYTES + 1);
    check_unusable(longer, "no usable id");
}

/* ---- an id beyond 63 bits is found in the text: the right one ---- */

#define BIG "18446744073709551615"

static void check_big(const char *body)
{
    check_valid(body);
    if (strcmp(task.id_json, BIG) != 0)
        TEST_FAIL("%s: %s", body, task.id_json);
}

static void the_big_id_may_stand_anywhere_and_in_any_space(void)
{
    check_big("{\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"repositoryUrl\":\"u\",\"id\":" BIG "}");
    check_big("{\"repositoryUrl\":\"u\",\"id\"\n\t\r :\r\n\t " BIG "\n}");
    check_big("\n{ \"repositoryUrl\" : \"u\" , \"id\" : " BIG " , \"x\" : 1 } \n");
}

static void an_id_in_a_nested_object_is_not_the_big_one(void)
{
    check_big("{\"a\":{\"id\":1},\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":[{\"id\":1},[{\"id\":2}]],\"id\":" BIG ",\"repositoryUrl\":\"u\",\"b\":{\"id\":3}}");
    check_big("{\"a\":{\"id\":18446744073709551614},\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":[\"id\",5],\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":{\"b\":{}},\"c\":[],\"d\":{\"e\":[{}]},\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
}

static void an_id_inside_of_a_string_is_not_the_big_one(void)
{
    check_big("{\"a\":\"\\\"id\\\":5\",\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":\",\\\"id\\\":5,\",\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":\"\\\\\",\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":\"\\\\\\\"\",\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\\\"\":5,\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"\\\"id\\\"\":5,\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"x\\\\\":\"id\",\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
}

static void the_word_id_as_a_value_is_not_the_big_one(void)
{
    check_big("{\"a\":\"id\",\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":\"id\" \n ,\"b\":5,\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"id\":" BIG ",\"repositoryUrl\":\"id\"}");
}

static void braces_inside_of_strings_do_not_count(void)
{
    check_big("{\"a\":\"}\",\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":\"{[\",\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"}\":{\"{\":\"]\"},\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
    check_big("{\"a\":[\"]\",\"}\",{\"id\":7}],\"id\":" BIG ",\"repositoryUrl\":\"u\"}");
}

static void keys_that_are_almost_id_are_not_the_big_one(void)
{
    check_big("{\"ID\":1,\"Id\":2,\"idd\":3,\"i\":4,\"\":5,\"xid\":6,\" id\":7,\"id \":8,\"id\":" BIG
              ",\"repositoryUrl\":\"u\"}");
}

/* An escaped key is the same key to JSON: no other number may be taken for the id because of it. */
static void an_escaped_key_never_gives_another_id(void)
{
    static const char *const bodies[] = {"{\"\\u0069d\":" BIG ",\"repositoryUrl\":\"u\"}",
                                         "{\"a\":{\"id\":5},\"i\\u0064\":" BIG ",\"repositoryUrl\":\"u\"}",
                                         "{\"\\u0069\\u0064\":" BIG ",\"a\":\"id\",\"repositoryUrl\":\"u\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        if (parse(bodies[i]) != TASK_UNUSABLE)
            CHECK_STR(task.id_json, BIG);
}

static void other_numbers_may_be_big_while_the_id_is_not(void)
{
    check_valid("{\"x\":" BIG ",\"id\":-7,\"repositoryUrl\":\"u\"}");
    CHECK_STR(task.id_json, "-7");
    check_valid("{\"x\":[" BIG "],\"id\":9007199254740993,\"repositoryUrl\":\"u\"}");
    CHECK_STR(task.id_json, "9007199254740993");
    check_valid("{\"x\":" BIG ",\"id\":\"a\\\"\",\"repositoryUrl\":\"u\"}");
    CHECK_STR(task.id_json, "\"a\\\"\"");
}

static void beside_a_big_number_an_id_must_still_be_an_integer(void)
{
    static const char *const ids[] = {
        "1.5",  "1.0",       "18446744073709551615.0", "1e3", "18446744073709551615e0", "1E3", "true",
        "\"\"", "[" BIG "]", "{\"id\":" BIG "}"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        CLEANUP(mem_freep)
        char *body = mem_printf("{\"x\":" BIG ",\"id\":%s,\"repositoryUrl\":\"u\"}", ids[i]);
        check_unusable(body, "no usable id");
    }
}

static void beside_a_big_id_the_other_members_are_judged_as_ever(void)
{
    check_valid("{\"id\":" BIG
                ",\"repositoryUrl\":\"u\",\"laboratoryNumber\":[3,1],\"connectedTests\":[\"t\"]}");
    CHECK_INT(task.labs_len, 2);
    CHECK_INT(task.labs[0], 3);
    CHECK_INT(task.labs[1], 1);
    check_malformed("{\"id\":" BIG ",\"repositoryUrl\":\"u\",\"laboratoryNumber\":1.5}", BIG,
                    "laboratoryNumber");
    check_malformed("{\"id\":" BIG ",\"repositoryUrl\":\"u\",\"laboratoryNumber\":" BIG "}", BIG,
                    "laboratoryNumber");
    check_malformed("{\"id\":" BIG ",\"repositoryUrl\":7}", BIG, "repositoryUrl");
    check_malformed("{\"id\":" BIG ",\"status\":" BIG ",\"repositoryUrl\":\"u\"}", BIG, "status");
}

static void a_number_beyond_all_bounds_makes_no_task(void)
{
    CLEANUP(mem_freep) char *digits = body_with_text("{\"repositoryUrl\": \"u\", \"id\": ", '9', 400, "}");
    check_unusable(digits, "JSON");
    check_unusable("{\"id\": 1e999, \"repositoryUrl\": \"u\"}", "JSON");
}

/* ---- repositoryUrl ---- */

static void a_url_is_taken_as_it_is(void)
{
    static const char *const urls[] = {"https://github.com/os-nsu/proxy.git",
                                       "https://user:word@host/x",
                                       "git@host:x.git",
                                       "/srv/git/x",
                                       "x",
                                       "file:///srv/x",
                                       "https://host/привет?a=b&c#d",
                                       "https://host/a-b"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        CLEANUP(mem_freep) char *body = mem_printf("{\"id\": 21, \"repositoryUrl\": \"%s\"}", urls[i]);
        check_valid(body);
        CHECK_STR(task.repository_url, urls[i]);
    }
}

static void without_a_url_a_task_is_malformed(void)
{
    static const char *const members[] = {"",
                                          ", \"repositoryUrl\": null",
                                          ", \"repositoryUrl\": \"\"",
                                          ", \"repositoryUrl\": 1",
                                          ", \"repositoryUrl\": true",
                                          ", \"repositoryUrl\": [\"u\"]",
                                          ", \"repositoryUrl\": {}"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        CLEANUP(mem_freep) char *body = mem_printf("{\"id\": 21%s}", members[i]);
        check_malformed(body, "21", "no repositoryUrl");
    }
}

static void a_url_that_git_could_misread_is_refused(void)
{
    static const char *const urls[] = {"-u",
                                       "--upload-pack=touch",
                                       " https://host/x",
                                       "https://host/x ",
                                       "https://ho st/x",
                                       "a\\nb",
                                       "a\\tb",
                                       "a\\rb",
                                       "a\\u007fb",
                                       "\\u0001"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        CLEANUP(mem_freep) char *body = mem_printf("{\"id\": 21, \"repositoryUrl\": \"%s\"}", urls[i]);
        check_malformed(body, "21", "repositoryUrl is not a URL");
    }
}

static void a_url_may_be_so_long_and_no_longer(void)
{
    CLEANUP(mem_freep)
    char *longest = body_with_text("{\"id\": 21, \"repositoryUrl\": \"", 'u', TASK_MAX_URL_BYTES, "\"}");
    check_valid(longest);
    CLEANUP(mem_freep)
    char *longer = body_with_text("{\"id\": 21, \"repositoryUrl\": \"", 'u', TASK_MAX_URL_BYTES + 1, "\"}");
    check_malformed(longer, "21", "longer than 2048 bytes");
}

/* ---- branch ---- */

static void no_branch_is_the_default_branch(void)
{
    check_valid_with("\"branch\": null");
    CHECK(!task.branch);
    check_valid_with("\"branch\": \"\"");
    CHECK(!task.branch);
}

static void a_branch_is_taken_as_it_is(void)
{
    static const char *const names[] = {
        "main", "feature/lab-1", "привет", "a.b", "v1.0", "a@b", "{x}", "a-", "_", "#1", "'\\\"$(x)"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_freep) char *member = mem_printf("\"branch\": \"%s\"", names[i]);
        check_valid_with(member);
    }
    check_valid_with("\"branch\": \"feature/lab-1\"");
    CHECK_STR(task.branch, "feature/lab-1");
}

static void a_branch_that_is_no_text_is_malformed(void)
{
    static const char *const values[] = {"1", "1.5", "true", "false", "[\"main\"]", "{}", "[]"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CLEANUP(mem_freep) char *member = mem_printf("\"branch\": %s", values[i]);
        check_malformed_with(member, "branch is not a text");
    }
}

static void a_branch_that_git_forbids_is_malformed(void)
{
    static const char *const names[] = {
        "-x",    "--help", "/a",    "a/",       "a b",           "a~1",  "a^",
        "a:b",   "a?",     "a*",    "a[b",      "a\\\\b",        "..",   "a..b",
        "@{-1}", "a@{u}",  "a\\nb", "a\\u007f", ":refs/heads/x", "+a:b", " "};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_freep) char *member = mem_printf("\"branch\": \"%s\"", names[i]);
        check_malformed_with(member, "is not a valid branch name");
    }
}

static void a_branch_may_be_so_long_and_no_longer(void)
{
    CLEANUP(mem_freep) char *longest = body_with_text("\"branch\": \"", 'b', TASK_MAX_BRANCH_BYTES, "\"");
    check_valid_with(longest);
    CLEANUP(mem_freep) char *longer = body_with_text("\"branch\": \"", 'b', TASK_MAX_BRANCH_BYTES + 1, "\"");
    check_malformed_with(longer, "is not a valid branch name");
}

/* ---- laboratoryNumber ---- */

static void no_lab_is_no_lab(void)
{
    check_valid_with("\"laboratoryNumber\": null");
    CHECK_INT(task.labs_len, 0);
    check_valid_with("\"laboratoryNumber\": []");
    CHECK_INT(task.labs_len, 0);
}

static void one_lab_is_a_list_of_one(void)
{
    check_valid_with("\"laboratoryNumber\": 3");
    CHECK_INT(task.labs_len, 1);
    CHECK_INT(task.labs[0], 3);
}

static void labs_keep_their_order(void)
{
    check_valid_with("\"laboratoryNumber\": [2, 0, 1000000, 2]");
    CHECK_INT(task.labs_len, 4);
    CHECK_INT(task.labs[0], 2);
    CHECK_INT(task.labs[1], 0);
    CHECK_INT(task.labs[2], 1000000);
    CHECK_INT(task.labs[3], 2);
}

static void what_is_no_lab_number_is_malformed(void)
{
    static const char *const values[] = {"-1",
                                         "1.5",
                                         "0.999",
                                         "1000001",
                                         "9223372036854775807",
                                         "18446744073709551615",
                                         "1e300",
                                         "\"1\"",
                                         "\"\"",
                                         "true",
                                         "false",
                                         "{}",
                                         "[1, \"2\"]",
                                         "[null]",
                                         "[1, -1]",
                                         "[[1]]",
                                         "[1.5]",
                                         "[true]",
                                         "[{}]"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CLEANUP(mem_freep) char *member = mem_printf("\"laboratoryNumber\": %s", values[i]);
        check_malformed_with(member, "laboratoryNumber");
    }
}

static void check_labs(size_t count, bool taken)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "\"laboratoryNumber\": [1");
    for (size_t i = 1; i < count; i++)
        buf_puts(&b, ",2");
    buf_puts(&b, "]");
    if (taken)
        check_valid_with(b.data);
    else
        check_malformed_with(b.data, "more than 64 laboratory numbers");
    buf_done(&b);
}

static void there_may_be_so_many_labs_and_no_more(void)
{
    check_labs(TASK_MAX_LABS, true);
    CHECK_INT(task.labs_len, TASK_MAX_LABS);
    check_labs(TASK_MAX_LABS + 1, false);
}

static void the_stage_is_the_highest_lab(void)
{
    check_valid_with("\"laboratoryNumber\": 4");
    CHECK_INT(task_stage(&task), 4);
    check_valid_with("\"laboratoryNumber\": [2, 7, 3]");
    CHECK_INT(task_stage(&task), 7);
}

static void without_a_lab_the_stage_is_the_first(void)
{
    check_valid_with("\"laboratoryNumber\": null");
    CHECK_INT(task_stage(&task), 1);
    check_valid_with("\"laboratoryNumber\": []");
    CHECK_INT(task_stage(&task), 1);
}

/* ---- connectedTests ---- */

static void no_names_are_all_tests(void)
{
    check_valid_with("\"connectedTests\": null");
    CHECK_INT(task.tests.len, 0);
    check_valid_with("\"connectedTests\": []");
    CHECK_INT(task.tests.len, 0);
}

static void names_keep_text_and_order(void)
{
    check_valid_with("\"connectedTests\": [\"b\", \"a\", \"тест[1]\", \"x y\", \"-k\", \"\\n\"]");
    static const char *const want[] = {"b", "a", "тест[1]", "x y", "-k", "\n"};
    CHECK_INT(task.tests.len, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK_STR(task.tests.items[i], want[i]);
}

static void a_name_counts_once(void)
{
    check_valid_with("\"connectedTests\": [\"b\", \"a\", \"b\", \"A\", \"a\"]");
    CHECK_INT(task.tests.len, 3);
    CHECK_STR(task.tests.items[0], "b");
    CHECK_STR(task.tests.items[1], "a");
    CHECK_STR(task.tests.items[2], "A");
}

static void what_is_no_list_of_names_is_malformed(void)
{
    static const char *const lists[] = {"\"a\"", "\"\"", "1", "1.5", "true", "false", "{}", "{\"a\": 1}"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        CLEANUP(mem_freep) char *member = mem_printf("\"connectedTests\": %s", lists[i]);
        check_malformed_with(member, "connectedTests is not a list");
    }
    static const char *const entries[] = {"[\"\"]", "[\"a\", \"\"]", "[null]", "[1]",
                                          "[true]", "[[\"a\"]]",     "[{}]",   "[\"a\", 1.5]"};
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        CLEANUP(mem_freep) char *member = mem_printf("\"connectedTests\": %s", entries[i]);
        check_malformed_with(member, "an entry that is not a test's name");
    }
}

static void a_name_may_be_so_long_and_no_longer(void)
{
    CLEANUP(mem_freep)
    char *longest = body_with_text("\"connectedTests\": [\"", 't', TASK_MAX_TEST_BYTES, "\"]");
    check_valid_with(longest);
    CLEANUP(mem_freep)
    char *longer = body_with_text("\"connectedTests\": [\"", 't', TASK_MAX_TEST_BYTES + 1, "\"]");
    check_malformed_with(longer, "an entry that is not a test's name");
}

static char *list_of_tests(size_t count)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "\"connectedTests\": [\"t\"");
    for (size_t i = 1; i < count; i++)
        buf_printf(&b, ",\"t%zu\"", i);
    buf_puts(&b, "]");
    return buf_take(&b);
}

static void there_may_be_so_many_names_and_no_more(void)
{
    CLEANUP(mem_freep) char *most = list_of_tests(TASK_MAX_TESTS);
    check_valid_with(most);
    CHECK_INT(task.tests.len, TASK_MAX_TESTS);
    CLEANUP(mem_freep) char *more = list_of_tests(TASK_MAX_TESTS + 1);
    check_malformed_with(more, "more than 2000 tests");
}

/* ---- the key ---- */

static char *key_of(const char *id, uint64_t sequence)
{
    struct task t = {.id_json = (char *)id};
    return task_key(&t, sequence);
}

static void check_key(const char *id, uint64_t sequence, const char *want)
{
    CLEANUP(mem_freep) char *key = key_of(id, sequence);
    CHECK_STR(key, want);
}

static void a_key_has_sequence_and_id(void)
{
    check_key("21", 1, "000000000001-21");
    check_key("-21", 12, "000000000012--21");
    check_key("\"3fa85f64-5717-4562-b3fc-2c963f66afa6\"", 345,
              "000000000345-3fa85f64-5717-4562-b3fc-2c963f66afa6");
}

static void a_key_is_safe_as_a_file_name(void)
{
    check_key("\"../../etc/passwd\"", 7, "000000000007-etcpasswd");
    check_key("\"/\"", 7, "000000000007-");
    check_key("\"a b;c$(d)'e*?.f_g-h\"", 7, "000000000007-abcdef_g-h");
    check_key("\"привет\xff\"", 7, "000000000007-");
}

static void a_key_is_cut_where_the_id_is_long(void)
{
    CLEANUP(mem_freep) char *id = body_with_text("\"", 'x', TASK_MAX_ID_BYTES, "\"");
    CLEANUP(mem_freep) char *key = key_of(id, UINT64_MAX);
    CHECK(strlen(key) <= 100);
}

static void keys_are_unique_and_sort_by_age(void)
{
    static const uint64_t sequences[] = {0,   1,      2,       9,           10,           99,
                                         100, 999999, 1000000, 99999999999, 100000000000, 999999999999};
    CLEANUP(mem_freep) char *last = key_of("\"z\"", 0);
    for (size_t i = 1; i < ARRAY_LEN(sequences); i++) {
        char *key = key_of("\"a\"", sequences[i]);
        CHECK(strcmp(last, key) < 0);
        CHECK_INT(strtoull(key, NULL, 10), sequences[i]);
        free(last);
        last = key;
    }
}

TEST_MAIN(TEST(the_example_of_the_protocol_is_read), TEST(id_and_url_are_enough),
          TEST(unknown_members_are_ignored), TEST(the_order_of_members_is_free),
          TEST(what_is_no_json_object_is_unusable), TEST(nul_bytes_and_ill_formed_text_are_unusable),
          TEST(duplicate_members_are_unusable), TEST(a_body_may_be_so_large_and_no_larger),
          TEST(deep_nesting_is_no_danger), TEST(a_truncated_task_is_never_valid),
          TEST(a_task_with_a_wrong_byte_has_an_id_or_is_none), TEST(the_reason_need_not_be_asked_for),
          TEST(an_ended_task_is_empty_and_may_be_ended_again),
          TEST(available_or_no_status_with_an_id_is_a_task),
          TEST(unavailable_is_no_task_whatever_stands_beside_it),
          TEST(without_status_and_id_there_is_no_task),
          TEST(another_status_is_malformed_where_there_is_an_id),
          TEST(another_status_is_unusable_where_there_is_no_id), TEST(available_without_an_id_is_unusable),
          TEST(integers_go_back_digit_by_digit), TEST(integers_beyond_63_bits_go_back_digit_by_digit),
          TEST(strings_go_back_as_the_same_string), TEST(an_id_of_another_type_is_unusable),
          TEST(a_long_string_is_an_id_up_to_the_limit), TEST(the_big_id_may_stand_anywhere_and_in_any_space),
          TEST(an_id_in_a_nested_object_is_not_the_big_one),
          TEST(an_id_inside_of_a_string_is_not_the_big_one), TEST(the_word_id_as_a_value_is_not_the_big_one),
          TEST(braces_inside_of_strings_do_not_count), TEST(keys_that_are_almost_id_are_not_the_big_one),
          TEST(an_escaped_key_never_gives_another_id), TEST(other_numbers_may_be_big_while_the_id_is_not),
          TEST(beside_a_big_number_an_id_must_still_be_an_integer),
          TEST(beside_a_big_id_the_other_members_are_judged_as_ever),
          TEST(a_number_beyond_all_bounds_makes_no_task), TEST(a_url_is_taken_as_it_is),
          TEST(without_a_url_a_task_is_malformed), TEST(a_url_that_git_could_misread_is_refused),
          TEST(a_url_may_be_so_long_and_no_longer), TEST(no_branch_is_the_default_branch),
          TEST(a_branch_is_taken_as_it_is), TEST(a_branch_that_is_no_text_is_malformed),
          TEST(a_branch_that_git_forbids_is_malformed), TEST(a_branch_may_be_so_long_and_no_longer),
          TEST(no_lab_is_no_lab), TEST(one_lab_is_a_list_of_one), TEST(labs_keep_their_order),
          TEST(what_is_no_lab_number_is_malformed), TEST(there_may_be_so_many_labs_and_no_more),
          TEST(the_stage_is_the_highest_lab), TEST(without_a_lab_the_stage_is_the_first),
          TEST(no_names_are_all_tests), TEST(names_keep_text_and_order), TEST(a_name_counts_once),
          TEST(what_is_no_list_of_names_is_malformed), TEST(a_name_may_be_so_long_and_no_longer),
          TEST(there_may_be_so_many_names_and_no_more), TEST(a_key_has_sequence_and_id),
          TEST(a_key_is_safe_as_a_file_name), TEST(a_key_is_cut_where_the_id_is_long),
          TEST(keys_are_unique_and_sort_by_age))
