#include "base/opt/opt.h"

#include "opt-table.h"

/* ---- secrets ---- */

static void a_secret_is_blanked_in_argv(void)
{
    parse("--password", "geheim", "--password=topsecret", NULL);
    CHECK_STR(config.password, "topsecret");
    CLEANUP(mem_freep) char *shown = strv_join(&argv, " ");
    CHECK_STR(shown, "program --password xxxxxx --password=xxxxxxxxx");
    finish();
}

static void an_abbreviated_secret_is_blanked_too(void)
{
    parse("--pass=geheim", NULL);
    CHECK_STR(config.password, "geheim");
    CHECK_STR(argv.items[1], "--pass=xxxxxx");
    finish();
}

static void other_values_stay_in_argv(void)
{
    parse("--backend-url=http://a", NULL);
    CHECK_STR(argv.items[1], "--backend-url=http://a");
    finish();
}

static void a_password_in_a_url_is_blanked_in_argv(void)
{
    parse("--backend-url=http://me:geheim@a/b", NULL);
    CHECK_STR(config.url, "http://me:geheim@a/b");
    CHECK_STR(argv.items[1], "--backend-url=http://xxxxxxxxx@a/b");
    finish();
}

static void a_password_in_a_url_vanishes_from_the_environment(void)
{
    static char variable[] = "OT_BACKEND_URL=http://me:geheim@a/b";
    CHECK_INT(putenv(variable), 0);
    parse(NULL);
    CHECK_STR(config.url, "http://me:geheim@a/b");
    CHECK(getenv("OT_BACKEND_URL") == NULL);
    CHECK_STR(variable, "OT_BACKEND_URL=http://xxxxxxxxx@a/b");
    finish();
}

static void a_secret_vanishes_from_the_environment(void)
{
    static char variable[] = "OT_PASSWORD=geheim"; /* itself part of the environment */
    CHECK_INT(putenv(variable), 0);
    setenv("OT_BACKEND_URL", "http://env", 1);
    parse(NULL);
    CHECK_STR(config.password, "geheim");
    CHECK(getenv("OT_PASSWORD") == NULL);
    CHECK(!memmem(variable, sizeof(variable), "geheim", 6));
    CHECK_STR(getenv("OT_BACKEND_URL"), "http://env");
    unsetenv("OT_BACKEND_URL");
    finish();
}

static void a_secret_vanishes_from_the_environment_even_if_it_is_overruled(void)
{
    setenv("OT_PASSWORD", "geheim", 1);
    parse("--password=other", NULL);
    CHECK_STR(config.password, "other");
    CHECK(getenv("OT_PASSWORD") == NULL);
    finish();
}

static const char *refuse_always(const char *text)
{
    return "another one";
}

static void a_refused_secret_is_not_told(void)
{
    static const struct opt secret[] = {
        {"password", "WORD", OPT_SECRET, AT(password), NULL, .check = refuse_always, .help = ""}};
    char word[] = "--password=geheim";
    config = (struct config){0};
    set = (struct opt_set){.table = secret, .len = 1};
    CHECK_INT(opt_parse(&set, 2, (char *[]){(char[]){"p"}, word, NULL}, &config, &faults), -EINVAL);
    CHECK_STR(faults.items[0], "--password: '(hidden)' was given; accepted: another one");
    argv = (struct strv){0};
    finish();
}

static void a_password_in_a_refused_url_is_not_told(void)
{
    static const struct opt url[] = {
        {"url", "URL", OPT_STRING, AT(url), NULL, .check = refuse_always, .help = ""}};
    config = (struct config){0};
    set = (struct opt_set){.table = url, .len = 1};
    char *words[] = {(char[]){"p"}, (char[]){"--url=ftp//me:geheim@host"}, NULL};
    CHECK_INT(opt_parse(&set, 2, words, &config, &faults), -EINVAL);
    CHECK_STR(faults.items[0], "--url: '(hidden)@host' was given; accepted: another one");
    argv = (struct strv){0};
    finish();
}

/* ---- environment and file ---- */

static void the_environment_has_upper_case_names_with_underscores(void)
{
    setenv("OT_BACKEND_URL", "http://env", 1);
    setenv("OT_AUTH", "yes", 1);
    setenv("ot_concurrent", "9", 1);
    setenv("CONCURRENT", "9", 1);
    parse(NULL);
    CHECK_STR(config.url, "http://env");
    CHECK(config.auth);
    CHECK_INT(config.concurrent, 2);
    CHECK_INT(opt_source_of(&set, "backend-url"), OPT_FROM_ENV);
    unsetenv("OT_BACKEND_URL");
    unsetenv("OT_AUTH");
    unsetenv("ot_concurrent");
    unsetenv("CONCURRENT");
    finish();
}

static void the_environment_cannot_ask_for_help(void)
{
    setenv("OT_HELP", "yes", 1);
    parse(NULL);
    CHECK(set.help_asked == NULL);
    unsetenv("OT_HELP");
    finish();
}

static void without_a_prefix_the_environment_is_not_read(void)
{
    setenv("CONCURRENT", "9", 1);
    setenv("OT_CONCURRENT", "9", 1);
    config = (struct config){0};
    set = (struct opt_set){.table = table, .len = ARRAY_LEN(table)};
    strv_push(&argv, "program");
    CHECK_INT(opt_parse(&set, 1, argv.items, &config, &faults), 0);
    CHECK_INT(config.concurrent, 2);
    unsetenv("CONCURRENT");
    unsetenv("OT_CONCURRENT");
    finish();
}

static void a_bad_value_from_the_environment_is_refused(void)
{
    setenv("OT_CONCURRENT", "many", 1);
    refuse(NULL, NULL);
    CHECK_CONTAINS(faults.items[0], "--concurrent: 'many' was given");
    unsetenv("OT_CONCURRENT");
    finish();
}

static void parse_file(const char *text)
{
    parse("--config", config_file(text), NULL);
}

static void the_file_has_one_option_a_line(void)
{
    parse_file("backend-url = http://file\nconcurrent=5\nauth = yes");
    CHECK_STR(config.url, "http://file");
    CHECK_INT(config.concurrent, 5);
    CHECK(config.auth);
    CHECK_INT(opt_source_of(&set, "auth"), OPT_FROM_FILE);
    CHECK_INT(opt_source_of(&set, "timeout"), OPT_FROM_DEFAULT);
    finish();
}

static void the_file_may_have_comments_blank_lines_and_spaces(void)
{
    parse_file("\n# concurrent = 7\n   \t\n \t # timeout = 1\n\t concurrent \t = \t 5 \t\n\n\n");
    CHECK_INT(config.concurrent, 5);
    CHECK_INT(config.timeout_ms, 600000);
    finish();
}

static void the_file_may_have_windows_line_ends(void)
{
    parse_file("backend-url = http://file\r\n\r\nconcurrent = 5\r\n");
    CHECK_STR(config.url, "http://file");
    CHECK_INT(config.concurrent, 5);
    finish();
}

static void a_byte_order_mark_before_the_file_is_skipped(void)
{
    parse_file("\xef\xbb\xbf"
               "backend-url = http://file\n");
    CHECK_STR(config.url, "http://file");
    CHECK_INT(faults.len, 0);
    finish();
    parse_file("\xef\xbb\xbf");
    CHECK_INT(faults.len, 0);
    finish();
}

static void a_value_in_the_file_may_hold_anything(void)
{
    parse_file("backend-url = http://a/?b=c#d \"e\" f\n");
    CHECK_STR(config.url, "http://a/?b=c#d \"e\" f");
    finish();
}

static void a_value_in_the_file_may_be_empty(void)
{
    parse_file("backend-url =\n");
    CHECK_STR(config.url, "");
    finish();
}

static void the_last_line_of_two_counts(void)
{
    parse_file("concurrent = 5\nconcurrent = 6\n");
    CHECK_INT(config.concurrent, 6);
    finish();
}

static void an_empty_file_is_fine(void)
{
    parse_file("");
    CHECK_INT(config.concurrent, 2);
    finish();
}

static void a_secret_may_stand_in_the_file(void)
{
    parse_file("password = geheim\n");
    CHECK_STR(config.password, "geheim");
    finish();
}

static void check_file_refused(const char *text, size_t len, const char *part)
{
    const char *path = scratch_file("config", text, len);
    refuse("--config", path, NULL);
    CHECK_INT(faults.len, 1);
    CHECK_CONTAINS(faults.items[0], path);
    CHECK_CONTAINS(faults.items[0], part);
    finish();
}

#define FILE_REFUSED(text, part) check_file_refused(text, sizeof(text) - 1, part)

static void an_unknown_option_in_the_file_is_refused_with_its_line(void)
{
    FILE_REFUSED("\nfrobnicate = 1\n", "line 2: unknown option 'frobnicate'");
    FILE_REFUSED("conc = 1\n", "line 1: unknown option 'conc'"); /* abbreviations are not accepted */
    FILE_REFUSED("--auth = yes\n", "unknown option '--auth'");
    FILE_REFUSED("help = yes\n", "unknown option 'help'");
    FILE_REFUSED(" = 1\n", "unknown option ''");
    FILE_REFUSED("config = /etc/passwd\n", "unknown option 'config'");
}

static void an_unknown_option_in_the_file_is_told_without_its_value(void)
{
    refuse("--config", config_file("pasword = geheim\n"), NULL);
    CHECK_CONTAINS(faults.items[0], "unknown option 'pasword'; did you mean password?");
    CHECK(!strstr(faults.items[0], "geheim"));
    finish();
}

static void a_line_without_equals_is_refused(void)
{
    FILE_REFUSED("auth = yes\n\nconcurrent 5\n", "line 3: expected 'option = value'");
}

static void a_bad_value_in_the_file_is_refused(void)
{
    refuse("--config", config_file("concurrent = 0\n"), NULL);
    CHECK_CONTAINS(faults.items[0], "--concurrent: '0' was given in ");
    CHECK_CONTAINS(faults.items[0], "/config, line 1; accepted: a whole number from 1 to 1024");
    finish();
}

static void what_is_of_one_call_stands_on_the_command_line_alone(void)
{
    static const struct opt rows[] = {{"config", "FILE", OPT_STRING, AT(config), .help = ""},
                                      {"check", "X", OPT_STRING, AT(url), .help = "", .is_of_call = true}};
    static const char *const wants[] = {"here", NULL};
    setenv("OT_CHECK", "there", 1);
    for (int given = 0; given < 2; given++) {
        config = (struct config){0};
        set = (struct opt_set){.table = rows, .len = 2, .env_prefix = "OT_", .config_option = "config"};
        char *words[] = {"program", given ? "--config" : "--check=here",
                         given ? (char *)config_file("check = x\n") : NULL, NULL};
        CHECK_INT(opt_parse(&set, given ? 3 : 2, words, &config, &faults), given ? -EINVAL : 0);
        CHECK((config.url == NULL) == (wants[given] == NULL));
        CHECK_INT(faults.len, given);
        finish();
    }
    unsetenv("OT_CHECK");
}

static void where_each_value_came_from_is_known(void)
{
    const char *path = config_file("# two\nconcurrent = 5\ntimeout = 1\ntimeout = 2\n");
    setenv("OT_TIMEOUT", "3", 1);
    setenv("OT_GIT_PROTOCOLS", "ssh", 1);
    parse("--config", path, "--memory=2G", NULL);
    unsetenv("OT_TIMEOUT");
    unsetenv("OT_GIT_PROTOCOLS");
    CLEANUP(mem_freep) char *line = mem_printf("%s, line 2", path);
    const char *const want[] = {"default",    "default",      line,      "default",
                                "OT_TIMEOUT", "command line", "default", "OT_GIT_PROTOCOLS"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CLEANUP(mem_freep) char *got = opt_origin(&set, i);
        CHECK_STR(got, want[i]);
    }
    finish();
}

static void nul_in_the_file_is_refused(void)
{
    FILE_REFUSED("auth = yes\n\0concurrent = 5\n", "not a text file");
    FILE_REFUSED("\0", "not a text file");
}

static void a_missing_file_is_refused(void)
{
    const char *path = scratch("missing");
    refuse("--config", path, NULL);
    CLEANUP(mem_freep) char *want = mem_printf("--config: '%s' was given; there is no such file", path);
    CHECK_STR(faults.items[0], want);
    finish();
}

static void a_file_that_is_none_is_refused(void)
{
    refuse("--config", scratch_dir, NULL);
    CHECK_CONTAINS(faults.items[0], "not a regular file");
    finish();
}

static void a_file_that_is_too_large_is_refused(void)
{
    size_t len = (1 << 20) + 1;
    CLEANUP(mem_freep) char *text = mem_alloc(len);
    memset(text, '\n', len);
    const char *path = scratch_file("large", text, len - 1);
    parse("--config", path, NULL);
    finish();
    scratch_file("large", text, len);
    refuse("--config", path, NULL);
    CHECK_CONTAINS(faults.items[0], "larger than 1048576 bytes");
    finish();
}

static void the_file_may_be_named_by_the_environment(void)
{
    setenv("OT_CONFIG", config_file("concurrent = 5\n"), 1);
    parse(NULL);
    CHECK_INT(config.concurrent, 5);
    unsetenv("OT_CONFIG");
    finish();
}

static void flag_beats_environment_beats_file_beats_default(void)
{
    const char *path = config_file("backend-url = file\nconcurrent = 3\ntimeout = 3\n");
    setenv("OT_BACKEND_URL", "env", 1);
    setenv("OT_CONCURRENT", "4", 1);
    parse("--backend-url=flag", "--config", path, NULL);
    CHECK_STR(config.url, "flag");
    CHECK_INT(config.concurrent, 4);
    CHECK_INT(config.timeout_ms, 3000);
    CHECK_INT(config.memory_bytes, 1 << 30);
    CHECK_INT(opt_source_of(&set, "backend-url"), OPT_FROM_FLAG);
    CHECK_INT(opt_source_of(&set, "concurrent"), OPT_FROM_ENV);
    CHECK_INT(opt_source_of(&set, "timeout"), OPT_FROM_FILE);
    CHECK_INT(opt_source_of(&set, "memory"), OPT_FROM_DEFAULT);
    unsetenv("OT_BACKEND_URL");
    unsetenv("OT_CONCURRENT");
    finish();
}

static void a_bad_value_that_is_overruled_is_no_fault(void)
{
    setenv("OT_CONCURRENT", "many", 1);
    parse("--concurrent=5", NULL);
    CHECK_INT(config.concurrent, 5);
    unsetenv("OT_CONCURRENT");
    finish();
}

static void all_faults_are_told_at_once(void)
{
    setenv("OT_SANDBOX", "docker", 1);
    refuse("--timeout=soon", "--frobnicate", "--memory=lots", "--config",
           config_file("concurrent = many\nnonsense\n"), "--password", NULL);
    unsetenv("OT_SANDBOX");
    CLEANUP(mem_freep) char *all = strv_join(&faults, "\n");
    static const char *const want[] = {
        "--timeout: 'soon' was given; accepted: seconds",
        "--frobnicate: unknown option",
        "--memory: 'lots' was given; accepted: bytes",
        "line 1; accepted: a whole number",
        "line 2: expected 'option = value'",
        "--password: option requires a value",
        "--sandbox: 'docker' was given in OT_SANDBOX; accepted: auto, bwrap, none"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK_CONTAINS(all, want[i]);
    CHECK_INT(faults.len, ARRAY_LEN(want));
    finish();
}

TEST_MAIN(TEST(a_secret_is_blanked_in_argv), TEST(an_abbreviated_secret_is_blanked_too),
          TEST(other_values_stay_in_argv), TEST(a_password_in_a_url_is_blanked_in_argv),
          TEST(a_password_in_a_url_vanishes_from_the_environment),
          TEST(a_secret_vanishes_from_the_environment),
          TEST(a_secret_vanishes_from_the_environment_even_if_it_is_overruled),
          TEST(a_refused_secret_is_not_told), TEST(a_password_in_a_refused_url_is_not_told),
          TEST(the_environment_has_upper_case_names_with_underscores),
          TEST(the_environment_cannot_ask_for_help), TEST(without_a_prefix_the_environment_is_not_read),
          TEST(a_bad_value_from_the_environment_is_refused), TEST(the_file_has_one_option_a_line),
          TEST(the_file_may_have_comments_blank_lines_and_spaces), TEST(the_file_may_have_windows_line_ends),
          TEST(a_byte_order_mark_before_the_file_is_skipped), TEST(a_value_in_the_file_may_hold_anything),
          TEST(a_value_in_the_file_may_be_empty), TEST(the_last_line_of_two_counts),
          TEST(an_empty_file_is_fine), TEST(a_secret_may_stand_in_the_file),
          TEST(an_unknown_option_in_the_file_is_refused_with_its_line),
          TEST(an_unknown_option_in_the_file_is_told_without_its_value),
          TEST(a_line_without_equals_is_refused), TEST(a_bad_value_in_the_file_is_refused),
          TEST(where_each_value_came_from_is_known),
          TEST(what_is_of_one_call_stands_on_the_command_line_alone), TEST(nul_in_the_file_is_refused),
          TEST(a_missing_file_is_refused), TEST(a_file_that_is_none_is_refused),
          TEST(a_file_that_is_too_large_is_refused), TEST(the_file_may_be_named_by_the_environment),
          TEST(flag_beats_environment_beats_file_beats_default),
          TEST(a_bad_value_that_is_overruled_is_no_fault), TEST(all_faults_are_told_at_once))
