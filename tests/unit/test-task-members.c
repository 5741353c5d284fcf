/* Members of a task besides id and status. */

#include "tasks.h"

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
        check_malformed_with(member, "branch is not a string");
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

/* The real backend sends such entries for tests without a name. */
static void what_has_no_name_selects_nothing(void)
{
    check_valid_with("\"connectedTests\": [null]");
    CHECK_INT(task.tests.len, 0);
    CHECK_INT(task.nameless_tests, 1);
    check_valid_with("\"connectedTests\": [\"\", \"a\", null]");
    CHECK_INT(task.tests.len, 1);
    CHECK_INT(task.nameless_tests, 2);
    CHECK_STR(task.tests.items[0], "a");
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
    static const char *const entries[] = {"[1]", "[true]", "[[\"a\"]]", "[{}]", "[\"a\", 1.5]"};
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

TEST_MAIN(TEST(a_url_is_taken_as_it_is), TEST(without_a_url_a_task_is_malformed),
          TEST(a_url_that_git_could_misread_is_refused), TEST(a_url_may_be_so_long_and_no_longer),
          TEST(no_branch_is_the_default_branch), TEST(a_branch_is_taken_as_it_is),
          TEST(a_branch_that_is_no_text_is_malformed), TEST(a_branch_that_git_forbids_is_malformed),
          TEST(a_branch_may_be_so_long_and_no_longer), TEST(no_lab_is_no_lab), TEST(one_lab_is_a_list_of_one),
          TEST(labs_keep_their_order), TEST(what_is_no_lab_number_is_malformed),
          TEST(there_may_be_so_many_labs_and_no_more), TEST(the_stage_is_the_highest_lab),
          TEST(without_a_lab_the_stage_is_the_first), TEST(no_names_are_all_tests),
          TEST(names_keep_text_and_order), TEST(what_has_no_name_selects_nothing), TEST(a_name_counts_once),
          TEST(what_is_no_list_of_names_is_malformed), TEST(a_name_may_be_so_long_and_no_longer),
          TEST(there_may_be_so_many_names_and_no_more))
