#include "journals.h"

#include "base/json.h"

/* ---- opening ---- */

static void the_places_are_made_for_the_owner_alone(void)
{
    start();
    CHECK_INT(mode_of(at("jobs")), 0700);
    CHECK_INT(mode_of(at("spool")), 0700);
    CHECK_INT(mode_of(at("rejected")), 0700);
    check_list("", "");
    finish();
}

static void a_file_in_the_way_is_a_fault(void)
{
    static const char *const names[] = {"jobs", "spool", "rejected"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        start();
        CHECK(rmdir(at("%s", names[i])) == 0);
        put_file(at("%s", names[i]), "");
        struct journal *other = NULL;
        CHECK(journal_open(state, &other, &err) < 0);
        CHECK(other == NULL); /* untouched */
        CHECK_CONTAINS(err.message, names[i]);
        finish();
    }
}

static void a_claims_directory_has_its_key_as_name(void)
{
    start();
    CLEANUP(mem_freep) char *dir = journal_dir(journal, KEY);
    CHECK_STR(dir, at("jobs/" KEY));
    finish();
}

static void nothing_can_be_freed(void)
{
    journal_free(NULL);
}

/* ---- keys ---- */

static void keys_grow_with_each_claim(void)
{
    start();
    CLEANUP(mem_freep) char *first = add("{\"id\": \"z\"}");
    CLEANUP(mem_freep) char *second = add("{\"id\": \"a\"}");
    CLEANUP(mem_freep) char *third = add("{\"id\": \"a\"}");
    CHECK_STR(first, "000000000001-z");
    CHECK_STR(second, "000000000002-a");
    CHECK_STR(third, "000000000003-a");
    check_list("000000000001-z 000000000002-a 000000000003-a", "");
    finish();
}

/* What is only in one of the places keeps its number. */
static void check_keys_grow_past(const char *place, const char *name, bool is_dir)
{
    start();
    if (is_dir)
        put_dir(at("%s/%s", place, name));
    else
        put_file(at("%s/%s", place, name), "{}");
    reopen();
    key = add(BODY);
    CHECK_STR(key, "000000000042-21");
    finish();
}

static void keys_keep_growing_after_a_restart(void)
{
    check_keys_grow_past("jobs", "000000000041-x", true);
    check_keys_grow_past("spool", "000000000041-x.json", false);
    check_keys_grow_past("rejected", "000000000041-x.json", false);
    check_keys_grow_past("rejected", "000000000041-x.answer", false);
}

static void the_highest_number_counts(void)
{
    start();
    put_dir(at("jobs/000000000009-b"));
    put_dir(at("jobs/000000000010-a"));
    put_file(at("spool/000000000008-c.json"), "{}");
    reopen();
    key = add(BODY);
    CHECK_STR(key, "000000000011-21");
    finish();
}

static void numbers_of_foreign_files_do_not_count(void)
{
    start();
    put_file(at("spool/99999999999999999999-x.json"), "{}");
    put_file(at("spool/20261123.json"), "{}");
    put_file(at("spool/202611230417.json"), "{}");
    put_file(at("spool/-5.json"), "{}");
    put_dir(at("jobs/7"));
    reopen();
    key = add(BODY);
    CHECK_STR(key, "000000000001-21");
    finish();
}

/* A key with more digits would be none of ours at the next start. */
static void a_number_that_leaves_none_is_a_fault(void)
{
    start();
    put_dir(at("jobs/500000000000-x"));
    reopen();
    key = add(BODY);
    CHECK_STR(key, "500000000001-21");
    struct journal *other = NULL;
    CHECK_INT(journal_open(state, &other, &err), -ERANGE);
    CHECK_INT(err.class, ERR_ENVIRONMENT);
    CHECK_CONTAINS(err.message, "jobs/500000000001-21 has a number");
    CHECK(other == NULL);
    finish();
}

static void a_key_never_leads_out_of_the_directory(void)
{
    start();
    key = add("{\"id\": \"../../../x\", \"repositoryUrl\": \"u\"}");
    CHECK_STR(key, "000000000001-x");
    CHECK(is_there(at("jobs/%s/task.json", key)));
    finish();
}

/* ---- adding and reading ---- */

static void a_claim_is_written_as_it_came(void)
{
    static const char body[] = " {\"repositoryUrl\":\"\\u0041\",\r\n\t\"id\" : 1}\n\n";
    start();
    key = add(body);
    check_body(key, body, strlen(body));
    check_list(key, "");
    CHECK(!journal_has_result(journal, key));
    finish();
}

static void any_bytes_are_kept(void)
{
    static const char body[] = "{\"id\": 1}\0\xff\x01";
    start();
    struct task task = {.id_json = (char *)"1"};
    CHECK_INT(journal_add(journal, &task, body, sizeof(body), &key, &err), 0);
    check_body(key, body, sizeof(body));
    finish();
}

static void a_claim_is_for_the_owner_alone(void)
{
    start_with_claim();
    CHECK_INT(mode_of(at("jobs/%s", key)), 0700);
    CHECK_INT(mode_of(at("jobs/%s/task.json", key)), 0600);
    finish();
}

static void a_claim_outlives_a_restart(void)
{
    start_with_claim();
    reopen();
    check_list(key, "");
    check_body(key, BODY, strlen(BODY));
    finish();
}

static void reading_what_is_not_there_is_a_fault(void)
{
    start();
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    CHECK_INT(journal_read(journal, "000000000001-x", &body, &err), -ENOENT);
    CHECK_CONTAINS(err.message, "task.json is missing");
    finish();
}

/* ---- what interruptions leave ---- */

/* A directory of a claim as some step may have left it. */
static void make_claim_dir(const char *name, const char *const *files, const char *tree)
{
    put_dir(at("jobs/%s", name));
    for (; *files; files++)
        put_file(at("jobs/%s/%s", name, *files), strcmp(*files, "task.json") == 0 ? BODY : "1");
    if (tree)
        put_dir(at("jobs/%s/%s", name, tree));
}

#define FILES(...) \
    (const char *const[]) \
    { \
        __VA_ARGS__ __VA_OPT__(, ) NULL \
    }

static void a_task_without_a_spooled_result_is_a_claim(void)
{
    start();
    make_claim_dir("000000000001-a", FILES("task.json"), NULL);
    make_claim_dir("000000000002-b", FILES("task.json", "starts"), "src");
    make_claim_dir("000000000003-c", FILES("task.json", "starts", "result.json.tmp", "stdout.log"), "tests");
    make_claim_dir("000000000004-d", FILES("task.json", "starts", "result.json"), "home");
    put_file(at("spool/000000000004-d.json.tmp"), "");
    check_list("000000000001-a 000000000002-b 000000000003-c 000000000004-d", "");
    CHECK(!journal_has_result(journal, "000000000001-a"));
    CHECK(!journal_has_result(journal, "000000000003-c"));
    CHECK(journal_has_result(journal, "000000000004-d"));
    finish();
}

static void a_directory_without_a_task_is_garbage(void)
{
    start();
    make_claim_dir("000000000001-a", FILES(), NULL);
    make_claim_dir("000000000002-b", FILES("task.json.tmp"), NULL);
    make_claim_dir("000000000003-c", FILES("starts", "stdout.log", "stderr.log", "result.json"), "src");
    check_list("", "000000000001-a 000000000002-b 000000000003-c");
    finish();
}

static void a_task_with_a_spooled_result_is_garbage(void)
{
    start();
    make_claim_dir("000000000001-a", FILES("task.json", "starts"), "src");
    put_file(at("spool/000000000001-a.json"), "{}");
    check_list("", "000000000001-a");
    finish();
}

/* Nothing of ours makes them; to take one for a result would lose the task. */
static void only_a_regular_file_is_a_result(void)
{
    start_with_claim();
    put_dir(at("jobs/%s/result.json", key));
    CHECK(!journal_has_result(journal, key));
    put_dir(at("spool/%s.json", key));
    CHECK(!journal_has_result(journal, key));
    check_list(key, "");
    finish();
    start_with_claim();
    CHECK(symlink("/dev/null", at("jobs/%s/result.json", key)) == 0);
    CHECK(!journal_has_result(journal, key));
    finish();
}

static void the_result_of_another_claim_does_not_count(void)
{
    start();
    make_claim_dir("000000000002-a", FILES("task.json"), NULL);
    put_file(at("spool/000000000001-a.json"), "{}");
    check_list("000000000002-a", "");
    finish();
}

static void claims_and_garbage_are_listed_by_age(void)
{
    start();
    make_claim_dir("000000000010-a", FILES("task.json"), NULL);
    make_claim_dir("000000000009-z", FILES("task.json"), NULL);
    make_claim_dir("000000000100-a", FILES("task.json"), NULL);
    make_claim_dir("000000000011-y", FILES(), NULL);
    make_claim_dir("000000000002-x", FILES(), NULL);
    check_list("000000000009-z 000000000010-a 000000000100-a", "000000000002-x 000000000011-y");
    finish();
}

static void foreign_files_are_neither_claims_nor_garbage(void)
{
    start();
    put_file(at("jobs/README"), "");
    put_file(at("jobs/.nfs0001"), "");
    make_claim_dir("backup", FILES("task.json"), NULL);
    make_claim_dir("lost+found", FILES(), NULL);
    make_claim_dir("1-a", FILES("task.json"), NULL);
    make_claim_dir("000000000001", FILES("task.json"), NULL);
    check_list("", "");
    CHECK(is_there(at("jobs/backup/task.json")));
    finish();
}

/* ---- starts ---- */

static void starts_are_counted_across_restarts(void)
{
    start_with_claim();
    CHECK_INT(journal_starts(journal, key), 0);
    CHECK_INT(count_start(), 1);
    CHECK_INT(count_start(), 2);
    reopen();
    CHECK_INT(journal_starts(journal, key), 2);
    CHECK_INT(count_start(), 3);
    check_list(key, "");
    finish();
}

static void a_start_can_be_taken_back(void)
{
    start_with_claim();
    count_start();
    CHECK_INT(count_start(), 2);
    CHECK_INT(journal_uncount_start(journal, key, &err), 0);
    reopen();
    CHECK_INT(count_start(), 2);
    finish();
}

static void no_more_starts_are_taken_back_than_there_were(void)
{
    start_with_claim();
    CHECK_INT(journal_uncount_start(journal, key, &err), 0);
    CHECK_INT(journal_uncount_start(journal, key, &err), 0);
    CHECK_INT(count_start(), 1);
    finish();
}

static void an_unreadable_count_begins_anew(void)
{
    static const char *const texts[] = {"", "\n", "x", "-"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        start_with_claim();
        put_file(at("jobs/%s/starts", key), texts[i]);
        CHECK_INT(count_start(), 1);
        CHECK_INT(count_start(), 2);
        finish();
    }
}

static void check_next_start(const char *text, unsigned want)
{
    start_with_claim();
    put_file(at("jobs/%s/starts", key), text);
    CHECK_INT(count_start(), want);
    finish();
}

static void a_count_that_nobody_wrote_is_a_count(void)
{
    check_next_start("-5", 1);
    check_next_start("-9223372036854775808", 1);
    check_next_start("4294967295", 1000001);
    check_next_start("9223372036854775807", 1000001);
    check_next_start("99999999999999999999", 1000001);
}

/* ---- error results ---- */

static void check_error_result(const char *body, const char *want_id)
{
    start();
    key = add(body);
    CHECK_INT(journal_write_error(journal, key, "The \"job\" died\xff", &err), 0);
    CHECK(journal_has_result(journal, key));
    CLEANUP(mem_freep)
    char *want = mem_printf("{\"id\": %s, \"isPassed\": false, \"isError\": true, \"errorDetails\": \"The "
                            "\\\"job\\\" died\xef\xbf\xbd\", "
                            "\"duration\": 0, \"testResults\": []}\n",
                            want_id);
    check_file(at("jobs/%s/result.json", key), want);
    CHECK(is_there(at("jobs/%s/summary.json", key)) && is_there(at("jobs/%s/report.html", key)));
    CLEANUP(json_decrefp) json_t *result = NULL;
    if (strlen(want_id) < 19)
        CHECK_INT(json_parse_object(want, strlen(want), &result, &err), 0);
    finish();
}

static void an_error_result_answers_with_the_id_as_it_came(void)
{
    check_error_result(BODY, "21");
    check_error_result("{\"id\": \"a\\\"b\", \"repositoryUrl\": \"u\"}", "\"a\\\"b\"");
    check_error_result("{\"id\": 18446744073709551615, \"repositoryUrl\": \"u\"}", "18446744073709551615");
}

static void an_error_result_needs_no_more_than_the_id(void)
{
    check_error_result("{\"id\": 21}", "21");
    check_error_result("{\"id\": 21, \"status\": \"?\", \"branch\": []}", "21");
}

static void an_error_result_replaces_another_result(void)
{
    start_with_claim();
    put_file(at("jobs/%s/result.json", key), "forged");
    CHECK_INT(journal_write_error(journal, key, "text", &err), 0);
    check_file(at("jobs/%s/result.json", key),
               "{\"id\": 21, \"isPassed\": false, \"isError\": true, \"errorDetails\": \"text\", "
               "\"duration\": 0, \"testResults\": []}\n");
    finish();
}

static void without_an_id_there_is_no_error_result(void)
{
    static const char *const bodies[] = {"", "{}", "not JSON", "{\"status\": \"UNAVAILABLE\", \"id\": 1}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        start_with_claim();
        put_file(at("jobs/%s/task.json", key), bodies[i]);
        CHECK_INT(journal_write_error(journal, key, "text", &err), -EINVAL);
        CHECK_CONTAINS(err.message, "holds no id to answer to");
        CHECK(!journal_has_result(journal, key));
        finish();
    }
}

static void without_a_task_there_is_no_error_result(void)
{
    start();
    CHECK_INT(journal_write_error(journal, "000000000001-x", "text", &err), -ENOENT);
    CHECK_CONTAINS(err.message, "is missing");
    finish();
}

/* ---- handing over ---- */

static void a_result_moves_into_the_spool(void)
{
    start_with_result();
    CHECK_INT(journal_hand_over(journal, key, &err), 0);
    check_file(at("spool/000000000001-21.json"), "{\"id\": 21}");
    CHECK(!is_there(at("jobs/%s/result.json", key)));
    CHECK(!is_there(at("jobs/%s/task.json", key)));
    check_list("", key);
    finish();
}

static void without_a_result_nothing_is_handed_over(void)
{
    start_with_claim();
    CHECK_INT(journal_hand_over(journal, key, &err), -ENOENT);
    CHECK_CONTAINS(err.message, "result.json");
    check_list(key, "");
    finish();
}

/* ---- removing ---- */

static void a_claims_directory_goes_with_its_files(void)
{
    start_with_claim();
    count_start();
    put_file(at("jobs/%s/stdout.log", key), "x");
    put_file(at("jobs/%s/result.json.tmp", key), "");
    put_file(at("jobs/%s/.hidden", key), "");
    CHECK_INT(journal_put_away(journal, key, false, 0, &err), 0);
    CHECK(!is_there(at("jobs/%s", key)));
    check_list("", "");
    finish();
}

static void what_is_not_there_is_removed(void)
{
    start();
    CHECK_INT(journal_put_away(journal, "000000000001-x", false, 0, &err), 0);
    finish();
}

static void trees_stay_for_the_job_to_clean(void)
{
    start_with_claim();
    put_dir(at("jobs/%s/src", key));
    CHECK_INT(journal_put_away(journal, key, false, 0, &err), -ENOTEMPTY);
    CHECK(is_there(at("jobs/%s/src", key)));
    CHECK(!is_there(at("jobs/%s/task.json", key))); /* so that it is garbage from now on */
    check_list("", key);
    finish();
}

static void links_are_removed_and_not_followed(void)
{
    start_with_claim();
    put_dir(at("outside"));
    put_file(at("outside/file"), "");
    CHECK(symlink(at("outside"), at("jobs/%s/src", key)) == 0);
    CHECK_INT(journal_put_away(journal, key, false, 0, &err), 0);
    CHECK(is_there(at("outside/file")));
    finish();
}

TEST_MAIN(TEST(the_places_are_made_for_the_owner_alone), TEST(a_file_in_the_way_is_a_fault),
          TEST(a_claims_directory_has_its_key_as_name), TEST(nothing_can_be_freed),
          TEST(keys_grow_with_each_claim), TEST(keys_keep_growing_after_a_restart),
          TEST(the_highest_number_counts), TEST(numbers_of_foreign_files_do_not_count),
          TEST(a_number_that_leaves_none_is_a_fault), TEST(a_key_never_leads_out_of_the_directory),
          TEST(a_claim_is_written_as_it_came), TEST(any_bytes_are_kept), TEST(a_claim_is_for_the_owner_alone),
          TEST(a_claim_outlives_a_restart), TEST(reading_what_is_not_there_is_a_fault),
          TEST(a_task_without_a_spooled_result_is_a_claim), TEST(a_directory_without_a_task_is_garbage),
          TEST(a_task_with_a_spooled_result_is_garbage), TEST(only_a_regular_file_is_a_result),
          TEST(the_result_of_another_claim_does_not_count), TEST(claims_and_garbage_are_listed_by_age),
          TEST(foreign_files_are_neither_claims_nor_garbage), TEST(starts_are_counted_across_restarts),
          TEST(a_start_can_be_taken_back), TEST(no_more_starts_are_taken_back_than_there_were),
          TEST(an_unreadable_count_begins_anew), TEST(a_count_that_nobody_wrote_is_a_count),
          TEST(an_error_result_answers_with_the_id_as_it_came),
          TEST(an_error_result_needs_no_more_than_the_id), TEST(an_error_result_replaces_another_result),
          TEST(without_an_id_there_is_no_error_result), TEST(without_a_task_there_is_no_error_result),
          TEST(a_result_moves_into_the_spool), TEST(without_a_result_nothing_is_handed_over),
          TEST(a_claims_directory_goes_with_its_files), TEST(what_is_not_there_is_removed),
          TEST(trees_stay_for_the_job_to_clean), TEST(links_are_removed_and_not_followed))
