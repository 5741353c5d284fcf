#include "tasks.h"

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
    static const char *const bodies[] = {"",           " ",
                                         "null",       "true",
                                         "1",          "\"id\"",
                                         "[]",         "[{\"id\": 1}]",
                                         "{",          "{\"id\":}",
                                         "{'id': 1}",  "{\"id\": 1,}",
                                         "<html/>",    "{} {}",
                                         "id",         "{1:2}",
                                         "{\"id\" 1}", "[18446744073709551615]"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        check_unusable(bodies[i], "JSON");
}

/* Complete, but refused by the JSON library; `%s` stands for members. */
static const char *const refused[] = {
    "\"branch\": \"a\\u0000b\"",
    "\"branch\": \"\xff\"",
    "\"branch\": \"a\x01z\"",
    "\"connectedTests\": [\"\\ud800\"]",
    "\"extra\": 1e999",
    "\"extra\": [1e999, {\"id\": 1}]",
    "\"extra\": NaN",
    "\"a\": 1, \"a\": 2",
    "\"extra\": 1e999, \"a\": {\"id\": 5, \"id\": 6}",
    "\"extra\": 18446744073709551615, \"branch\": \"x\", \"branch\": \"y\"",
};

static void what_the_parser_refuses_is_malformed_where_its_id_can_be_read(void)
{
    static const char *const ids[] = {"21", "-9223372036854775808", "18446744073709551615", "\"3fa8-{é\""};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        for (size_t j = 0; j < ARRAY_LEN(ids); j++) {
            CLEANUP(mem_freep)
            char *before = mem_printf("{\"id\": %s, \"status\": \"AVAILABLE\", %s}", ids[j], refused[i]);
            check_malformed(before, ids[j], "The task cannot be read: Not valid JSON: ");
            CLEANUP(mem_freep)
            char *behind = mem_printf("{%s, \"repositoryUrl\": \"u\", \"id\" : %s}\n", refused[i], ids[j]);
            check_malformed(behind, ids[j], "The task cannot be read: Not valid JSON: ");
        }
    }
    static const char nul[] = "{\"id\": 1, \"repositoryUrl\": \"a\0b\"}";
    CHECK_INT(parse_bytes(nul, sizeof(nul) - 1), TASK_MALFORMED);
    CHECK_STR(task.id_json, "1");
}

static void what_the_parser_refuses_says_where(void)
{
    check_malformed_with("\"branch\": \"x\", \"branch\": \"y\"", "duplicate object key near '\"branch\"'");
    check_malformed("{\"id\": 18446744073709551615, \"a\": 1, \"a\": 2}", "18446744073709551615",
                    "duplicate object key near '\"a\"'");
    check_malformed_with("\n\"extra\": 1e999", "real number overflow near '1e999' (line 2");
}

static void what_the_parser_refuses_and_is_cut_is_unusable(void)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        CLEANUP(mem_freep) char *body = body_with(refused[i]);
        for (size_t len = 0; len < strlen(body); len++)
            if (parse_bytes(body, len) != TASK_UNUSABLE)
                TEST_FAIL("taken: %.*s", (int)len, body);
    }
}

static void nul_bytes_and_ill_formed_text_in_the_id_are_unusable(void)
{
    static const char behind[] = "{\"id\": 1, \"repositoryUrl\": \"a\"}\0";
    CHECK_INT(parse_bytes(behind, sizeof(behind) - 1), TASK_UNUSABLE);
    check_unusable("{\"id\": \"a\\u0000b\", \"repositoryUrl\": \"a\"}", "JSON");
    check_unusable("{\"id\": \"\xff\", \"repositoryUrl\": \"a\"}", "JSON");
    check_unusable("{\"id\": \"\\ud800\", \"repositoryUrl\": \"a\"}", "JSON");
    check_unusable("{\"id\": 1e999, \"repositoryUrl\": \"a\"}", "JSON");
}

static void a_duplicate_id_or_status_is_unusable(void)
{
    check_unusable("{\"id\": 1, \"id\": 2, \"repositoryUrl\": \"u\"}", "duplicate");
    check_unusable("{\"id\": 1, \"id\": 1, \"repositoryUrl\": \"u\"}", "duplicate");
    check_unusable("{\"id\": 1, \"\\u0069d\": 2, \"repositoryUrl\": \"u\"}", "duplicate");
    check_unusable("{\"id\": 18446744073709551615, \"id\": 18446744073709551614}", "duplicate");
    check_unusable("{\"id\": 1, \"status\": \"AVAILABLE\", \"status\": \"UNAVAILABLE\"}", "duplicate");
}

static void unavailable_is_nobodys_claim_even_where_it_is_refused(void)
{
    check_unusable("{\"status\": \"UNAVAILABLE\", \"id\": 21, \"extra\": 1e999}", "JSON");
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
    ("{\"status\": \"AVAILABLE\", \"id\": 21, \"repositoryUrl\": \"u\", \"branch\": \"main\","
     " \"laboratoryNumber\": [1, 2], \"connectedTests\": [\"a\", \"b\"]}"),
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
                                         "{\"id\": 18446744073709551615}", "{\"id\": 1, \"extra\": 1e999}"};
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
    CHECK(task_is_key(key));
    CHECK_STR(task_key_id(key), strchr(want, '-') + 1);
}

static void other_names_are_no_keys(void)
{
    static const char *const names[] = {
        "", "-", "000000000001", "00000000001-x", "0000000000001-x", "x00000000001-"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CHECK(!task_is_key(names[i]));
        CHECK_STR(task_key_id(names[i]), names[i]);
    }
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

TEST_MAIN(
    TEST(the_example_of_the_protocol_is_read), TEST(id_and_url_are_enough), TEST(unknown_members_are_ignored),
    TEST(the_order_of_members_is_free), TEST(what_is_no_json_object_is_unusable),
    TEST(what_the_parser_refuses_is_malformed_where_its_id_can_be_read),
    TEST(what_the_parser_refuses_says_where), TEST(what_the_parser_refuses_and_is_cut_is_unusable),
    TEST(nul_bytes_and_ill_formed_text_in_the_id_are_unusable), TEST(a_duplicate_id_or_status_is_unusable),
    TEST(unavailable_is_nobodys_claim_even_where_it_is_refused), TEST(a_body_may_be_so_large_and_no_larger),
    TEST(deep_nesting_is_no_danger), TEST(a_truncated_task_is_never_valid),
    TEST(a_task_with_a_wrong_byte_has_an_id_or_is_none), TEST(the_reason_need_not_be_asked_for),
    TEST(an_ended_task_is_empty_and_may_be_ended_again), TEST(available_or_no_status_with_an_id_is_a_task),
    TEST(unavailable_is_no_task_whatever_stands_beside_it), TEST(without_status_and_id_there_is_no_task),
    TEST(another_status_is_malformed_where_there_is_an_id),
    TEST(another_status_is_unusable_where_there_is_no_id), TEST(available_without_an_id_is_unusable),
    TEST(other_names_are_no_keys), TEST(a_key_has_sequence_and_id), TEST(a_key_is_safe_as_a_file_name),
    TEST(a_key_is_cut_where_the_id_is_long), TEST(keys_are_unique_and_sort_by_age))
