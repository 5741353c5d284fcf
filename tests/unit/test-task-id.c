/* The id is returned unchanged: it is read from the text, since no number type holds all ids. */

#include "tasks.h"

#include "base/json.h"

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
                                      "9007199254740993", /* 2^53 + 1 is not a double */
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

/* An escaped key is the same key in JSON: no other number may be taken for the id. */
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

TEST_MAIN(TEST(integers_go_back_digit_by_digit), TEST(integers_beyond_63_bits_go_back_digit_by_digit),
          TEST(strings_go_back_as_the_same_string), TEST(an_id_of_another_type_is_unusable),
          TEST(a_long_string_is_an_id_up_to_the_limit), TEST(the_big_id_may_stand_anywhere_and_in_any_space),
          TEST(an_id_in_a_nested_object_is_not_the_big_one),
          TEST(an_id_inside_of_a_string_is_not_the_big_one), TEST(the_word_id_as_a_value_is_not_the_big_one),
          TEST(braces_inside_of_strings_do_not_count), TEST(keys_that_are_almost_id_are_not_the_big_one),
          TEST(an_escaped_key_never_gives_another_id), TEST(other_numbers_may_be_big_while_the_id_is_not),
          TEST(beside_a_big_number_an_id_must_still_be_an_integer),
          TEST(beside_a_big_id_the_other_members_are_judged_as_ever),
          TEST(a_number_beyond_all_bounds_makes_no_task))
