#include "base/opt.h"

#include "scratch.h"

#include <stdarg.h>

/* The table and the configuration of an invented program. */
struct config {
    bool auth;
    char *url;
    char *password;
    char *config;
    int64_t concurrent;
    double factor;
    int64_t timeout_ms;
    uint64_t memory_bytes;
    int sandbox;
    char *protocols;
};

/* An option's own check. */
static const char *check_protocols(const char *text)
{
    return strstr(text, "ext") ? "protocols that run no commands" : NULL;
}

#define AT(member) offsetof(struct config, member)

static const struct opt table[] = {
    {"backend-url", "URL", OPT_STRING, AT(url), "http://localhost:5000", .help = "the backend"},
    {"password", "WORD", OPT_SECRET, AT(password), "well-known", .help = "the password"},
    {"concurrent", "N", OPT_INTEGER, AT(concurrent), "2", 1, 1024, .help = "tasks at a time"},
    {"factor", "X", OPT_NUMBER, AT(factor), "0.5", -10, 10, .help = "a factor"},
    {"timeout", "S", OPT_SECONDS, AT(timeout_ms), "600", 0, 1e6, .help = "limit"},
    {"memory", "BYTES", OPT_BYTES, AT(memory_bytes), "1G", 1024, 1e15, .help = "limit for one task"},
    {"sandbox", "KIND", OPT_CHOICE, AT(sandbox), "auto", .choices = "auto|bwrap|none", .help = "kind"},
    {"git-protocols", "LIST", OPT_STRING, AT(protocols), NULL, .check = check_protocols, .help = "list"},
    {"auth", NULL, OPT_FLAG, AT(auth), "no", .help = "the backend wants a login"},
    {"config", "FILE", OPT_STRING, AT(config), NULL, .help = "file"},
    {"help", NULL, OPT_HELP, 0, NULL, .help = "this text"},
    {"version", NULL, OPT_HELP, 0, NULL, .help = "the version"},
};

/* One parse: what went in, and what came out. */
static struct config config;
static struct opt_set set;
static struct strv argv, faults;

static void start_parse(const char *first, va_list ap)
{
    config = (struct config){0};
    set = (struct opt_set){
        .table = table, .len = ARRAY_LEN(table), .env_prefix = "OT_", .config_option = "config"};
    argv = (struct strv){0};
    faults = (struct strv){0};
    strv_push(&argv, "program");
    for (const char *word = first; word; word = va_arg(ap, const char *))
        strv_push(&argv, word);
}

/* Parses the words given and fails the test if that gives faults. */
static void parse(const char *first, ...)
{
    va_list ap;
    va_start(ap, first);
    start_parse(first, ap);
    va_end(ap);
    if (opt_parse(&set, (int)argv.len, argv.items, &config, &faults) < 0)
        TEST_FAIL("refused: %s", faults.items[0]);
    CHECK_INT(faults.len, 0);
}

/* Parses the words given and fails the test if they are accepted. */
static void refuse(const char *first, ...)
{
    va_list ap;
    va_start(ap, first);
    start_parse(first, ap);
    va_end(ap);
    CHECK_INT(opt_parse(&set, (int)argv.len, argv.items, &config, &faults), -EINVAL);
    CHECK(faults.len > 0);
}

static void finish(void)
{
    opt_done(&set, &config);
    strv_done(&argv);
    strv_done(&faults);
}

static const char *config_file(const char *text)
{
    return scratch_file("config", text, strlen(text));
}

/* ---- defaults and kinds ---- */

static void without_arguments_the_defaults_hold(void)
{
    parse(NULL);
    CHECK_STR(config.url, "http://localhost:5000");
    CHECK_STR(config.password, "well-known");
    CHECK_INT(config.concurrent, 2);
    CHECK(config.factor == 0.5);
    CHECK_INT(config.timeout_ms, 600000);
    CHECK_INT(config.memory_bytes, 1 << 30);
    CHECK_INT(config.sandbox, 0);
    CHECK(config.protocols == NULL);
    CHECK(!config.auth);
    CHECK_INT(opt_source_of(&set, "backend-url"), OPT_FROM_DEFAULT);
    CHECK(set.help_asked == NULL);
    CHECK_INT(set.operands.len, 0);
    finish();
}

static void values_come_with_equals_or_as_the_next_word(void)
{
    parse("--backend-url=http://a", "--concurrent", "7", NULL);
    CHECK_STR(config.url, "http://a");
    CHECK_INT(config.concurrent, 7);
    CHECK_INT(opt_source_of(&set, "concurrent"), OPT_FROM_FLAG);
    CHECK_STR(set.texts[2], "7");
    finish();
}

static void the_last_of_two_counts(void)
{
    parse("--concurrent", "7", "--concurrent", "8", NULL);
    CHECK_INT(config.concurrent, 8);
    finish();
}

static void a_string_may_be_empty(void)
{
    parse("--backend-url=", NULL);
    CHECK_STR(config.url, "");
    finish();
}

static void check_flag(const char *word, bool want)
{
    parse(word, NULL);
    CHECK_INT(config.auth, want);
    finish();
}

static void a_flag_stands_alone_or_with_a_word(void)
{
    check_flag("--auth", true);
    check_flag("--auth=yes", true);
    check_flag("--auth=TRUE", true);
    check_flag("--auth=1", true);
    check_flag("--auth=on", true);
    check_flag("--auth=no", false);
    check_flag("--auth=False", false);
    check_flag("--auth=0", false);
    check_flag("--auth=off", false);
}

static void check_refused(const char *word, const char *part)
{
    refuse(word, NULL);
    CHECK_INT(faults.len, 1);
    CHECK_CONTAINS(faults.items[0], part);
    finish();
}

static void a_flag_takes_no_other_word(void)
{
    check_refused("--auth=maybe", "--auth: 'maybe' was given; accepted: yes or no");
    check_refused("--auth=", "--auth: '' was given");
}

static void check_integer(const char *text, int64_t want)
{
    parse("--concurrent", text, NULL);
    CHECK_INT(config.concurrent, want);
    finish();
}

static void integers_are_read(void)
{
    check_integer("1", 1);
    check_integer("1024", 1024);
    check_integer("007", 7);
    check_integer("1e3", 1000);
    check_integer("2.0", 2);
}

static void refuse_each(const char *option, const char *const *texts, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        CLEANUP(mem_freep) char *word = mem_printf("--%s=%s", option, texts[i]);
        CLEANUP(mem_freep) char *want = mem_printf("--%s: '%s' was given; accepted: ", option, texts[i]);
        check_refused(word, want);
    }
}

static const char *const no_numbers[] = {"",    " ",    "x",   "nan",  "NAN",  "inf",   "-inf", "-nan", "infinity",
                                         "0x1", "0X10", "1 ",  " 1",   "1x",   "1,5",   "--1",  "+1",   "1e",
                                         "-",   ".",    "1e+", "1.5.", "1e999", "1e-999", "1\n", "five"};

static void what_is_no_number_is_refused(void)
{
    static const char *const kinds[] = {"concurrent", "factor", "timeout", "memory"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        refuse_each(kinds[i], no_numbers, ARRAY_LEN(no_numbers));
}

static void integers_out_of_range_are_refused(void)
{
    static const char *const texts[] = {"0", "1025", "-1", "99999999999999999999999", "1.5", "0.999"};
    refuse_each("concurrent", texts, ARRAY_LEN(texts));
    check_refused("--concurrent=0", "accepted: a whole number from 1 to 1024");
}

static void check_factor(const char *text, double want)
{
    parse("--factor", text, NULL);
    CHECK(config.factor == want);
    finish();
}

static void numbers_are_read(void)
{
    check_factor("0", 0);
    check_factor("-10", -10);
    check_factor("2.25", 2.25);
    check_factor(".5", 0.5);
    check_factor("-.5", -0.5);
    check_factor("1e-3", 0.001);
    check_refused("--factor=10.01", "accepted: a number from -10 to 10");
}

static void check_seconds(const char *text, int64_t want_ms)
{
    parse("--timeout", text, NULL);
    CHECK_INT(config.timeout_ms, want_ms);
    finish();
}

static void seconds_become_milliseconds(void)
{
    check_seconds("0", 0);
    check_seconds("1", 1000);
    check_seconds("0.1", 100);
    check_seconds("2.3", 2300);
    check_seconds("0.0015", 2);
    check_seconds("1e3", 1000000);
    check_seconds("1000000", 1000000000);
}

static void few_seconds_are_never_rounded_to_none(void) /* 0 is "no limit" */
{
    check_seconds("0.0004", 1);
    check_seconds("1e-9", 1);
}

static void seconds_out_of_range_are_refused(void)
{
    static const char *const texts[] = {"-1", "-0.001", "1000001", "1e300", "10s", "1m"};
    refuse_each("timeout", texts, ARRAY_LEN(texts));
    check_refused("--timeout=-1", "accepted: seconds, from 0 to 1e+06");
}

static void check_bytes(const char *text, uint64_t want)
{
    parse("--memory", text, NULL);
    CHECK_INT(config.memory_bytes, want);
    finish();
}

static void bytes_take_a_unit(void)
{
    check_bytes("1024", 1024);
    check_bytes("1K", 1024);
    check_bytes("3k", 3072);
    check_bytes("5M", 5 << 20);
    check_bytes("5m", 5 << 20);
    check_bytes("2G", (uint64_t)2 << 30);
    check_bytes("1T", (uint64_t)1 << 40);
    check_bytes("0.5G", 1 << 29);
    check_bytes("1.5k", 1536);
}

static void bytes_with_other_units_or_out_of_range_are_refused(void)
{
    static const char *const texts[] = {"1023", "0", "0.5K", "-1G", "1KB", "1KiB", "1P", "1 K", "K", "1KK", "9999T",
                                        "1e300T"};
    refuse_each("memory", texts, ARRAY_LEN(texts));
    check_refused("--memory=1KB", "K, M, G or T");
}

static void a_choice_is_the_index_of_its_word(void)
{
    static const char *const words[] = {"auto", "bwrap", "none"};
    for (int i = 0; i < 3; i++) {
        parse("--sandbox", words[i], NULL);
        CHECK_INT(config.sandbox, i);
        finish();
    }
}

static void a_word_that_is_no_choice_is_refused(void)
{
    static const char *const texts[] = {"", "Auto", "bwra", "auto|bwrap", "|"};
    refuse_each("sandbox", texts, ARRAY_LEN(texts));
    check_refused("--sandbox=docker", "--sandbox: 'docker' was given; accepted: auto, bwrap, none");
}

static void an_option_may_have_a_check_of_its_own(void)
{
    parse("--git-protocols=https,ssh", NULL);
    CHECK_STR(config.protocols, "https,ssh");
    finish();
    check_refused("--git-protocols=ext",
                  "--git-protocols: 'ext' was given; accepted: protocols that run no commands");
}

/* ---- the command line ---- */

static void options_may_be_abbreviated(void)
{
    parse("--conc=3", "--time", "5", "--au", NULL);
    CHECK_INT(config.concurrent, 3);
    CHECK_INT(config.timeout_ms, 5000);
    CHECK(config.auth);
    finish();
}

static void an_ambiguous_abbreviation_is_refused(void)
{
    check_refused("--con=3", "--con: no such option, or not a clear abbreviation");
}

static void an_unknown_option_is_refused(void)
{
    check_refused("--frobnicate", "--frobnicate: no such option");
}

static void an_unknown_option_is_told_without_its_value(void)
{
    refuse("--pasword=geheim", NULL);
    CHECK_CONTAINS(faults.items[0], "--pasword: no such option");
    CHECK(!strstr(faults.items[0], "geheim"));
    finish();
}

static void a_missing_value_is_refused(void)
{
    refuse("--auth", "--timeout", NULL);
    CHECK_INT(faults.len, 1);
    CHECK_STR(faults.items[0], "--timeout: a value is missing");
    finish();
}

static void a_value_where_none_belongs_is_refused(void)
{
    check_refused("--help=me", "--help: it takes no value");
}

static void short_options_are_refused_each(void)
{
    refuse("first", "-xy", NULL);
    CHECK_INT(faults.len, 2);
    CHECK_CONTAINS(faults.items[0], "-x: ");
    CHECK_CONTAINS(faults.items[1], "-y: ");
    finish();
}

static void a_negative_number_can_be_a_value(void)
{
    refuse("--concurrent", "-5", NULL);
    CHECK_INT(faults.len, 1);
    CHECK_CONTAINS(faults.items[0], "--concurrent: '-5' was given");
    finish();
}

static void other_words_are_operands_in_their_order(void)
{
    parse("run", "--auth", "repository", "--", "--timeout", NULL);
    CLEANUP(mem_freep) char *joined = strv_join(&set.operands, " ");
    CHECK_STR(joined, "run repository --timeout");
    CHECK(config.auth);
    finish();
}

static void help_is_reported_by_its_name(void)
{
    parse("--version", "--help", NULL);
    CHECK_STR(set.help_asked, "version");
    finish();
    parse("--help", NULL);
    CHECK_STR(set.help_asked, "help");
    finish();
}

static void help_comes_before_all_faults(void)
{
    config = (struct config){0};
    set = (struct opt_set){.table = table, .len = ARRAY_LEN(table)};
    strv_push(&argv, "program");
    strv_push(&argv, "--concurrent=0");
    strv_push(&argv, "--help");
    CHECK_INT(opt_parse(&set, 3, argv.items, &config, &faults), 0);
    CHECK_STR(set.help_asked, "help");
    finish();
}

static void all_faults_are_told_at_once(void)
{
    setenv("OT_SANDBOX", "docker", 1);
    refuse("--timeout=soon", "--frobnicate", "--memory=lots", "--config",
           config_file("concurrent = many\nnonsense\n"), "--password", NULL);
    unsetenv("OT_SANDBOX");
    CLEANUP(mem_freep) char *all = strv_join(&faults, "\n");
    static const char *const want[] = {"--timeout: 'soon' was given; accepted: seconds",
                                       "--frobnicate: no such option",
                                       "--memory: 'lots' was given; accepted: bytes",
                                       "--concurrent: 'many' was given; accepted: a whole number",
                                       "line 2: 'option = value' was expected",
                                       "--password: a value is missing",
                                       "--sandbox: 'docker' was given; accepted: auto, bwrap, none"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK_CONTAINS(all, want[i]);
    CHECK_INT(faults.len, ARRAY_LEN(want));
    finish();
}

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

static void a_secret_vanishes_from_the_environment(void)
{
    static char variable[] = "OT_PASSWORD=geheim"; /* is itself a part of the environment */
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
    FILE_REFUSED("\nfrobnicate = 1\n", "line 2: there is no option 'frobnicate'");
    FILE_REFUSED("conc = 1\n", "line 1: there is no option 'conc'"); /* nor an abbreviation */
    FILE_REFUSED("--auth = yes\n", "there is no option '--auth'");
    FILE_REFUSED("help = yes\n", "there is no option 'help'");
    FILE_REFUSED(" = 1\n", "there is no option ''");
    FILE_REFUSED("config = /etc/passwd\n", "there is no option 'config'");
}

static void an_unknown_option_in_the_file_is_told_without_its_value(void)
{
    refuse("--config", config_file("pasword = geheim\n"), NULL);
    CHECK(!strstr(faults.items[0], "geheim"));
    finish();
}

static void a_line_without_equals_is_refused(void)
{
    FILE_REFUSED("auth = yes\n\nconcurrent 5\n", "line 3: 'option = value' was expected");
}

static void a_bad_value_in_the_file_is_refused(void)
{
    refuse("--config", config_file("concurrent = 0\n"), NULL);
    CHECK_STR(faults.items[0], "--concurrent: '0' was given; accepted: a whole number from 1 to 1024");
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

/* ---- help ---- */

static void help_has_each_option_with_argument_and_default(void)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    opt_print_help(table, ARRAY_LEN(table), out);
    fclose(out);
    CHECK_CONTAINS(text, "  --concurrent N              tasks at a time [2]\n");
    CHECK_CONTAINS(text, "  --auth                      the backend wants a login\n");
    CHECK_CONTAINS(text, "  --backend-url URL           the backend [http://localhost:5000]\n");
    CHECK(!strstr(text, "well-known"));
    CHECK_CONTAINS(text, "  --help                      this text\n");
    free(text);
}

static void help_breaks_after_a_long_name(void)
{
    static const struct opt longs[] = {{"an-option-with-a-long-name", "FILE", OPT_STRING, .help = "text"}};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    opt_print_help(longs, 1, out);
    fclose(out);
    CHECK_STR(text, "  --an-option-with-a-long-name FILE\n                              text\n");
    free(text);
}

TEST_MAIN(
    TEST(without_arguments_the_defaults_hold), TEST(values_come_with_equals_or_as_the_next_word),
    TEST(the_last_of_two_counts), TEST(a_string_may_be_empty), TEST(a_flag_stands_alone_or_with_a_word),
    TEST(a_flag_takes_no_other_word), TEST(integers_are_read), TEST(what_is_no_number_is_refused),
    TEST(integers_out_of_range_are_refused), TEST(numbers_are_read), TEST(seconds_become_milliseconds),
    TEST(few_seconds_are_never_rounded_to_none), TEST(seconds_out_of_range_are_refused), TEST(bytes_take_a_unit),
    TEST(bytes_with_other_units_or_out_of_range_are_refused), TEST(a_choice_is_the_index_of_its_word),
    TEST(a_word_that_is_no_choice_is_refused), TEST(an_option_may_have_a_check_of_its_own),
    TEST(options_may_be_abbreviated), TEST(an_ambiguous_abbreviation_is_refused),
    TEST(an_unknown_option_is_refused), TEST(an_unknown_option_is_told_without_its_value),
    TEST(a_missing_value_is_refused), TEST(a_value_where_none_belongs_is_refused),
    TEST(short_options_are_refused_each), TEST(a_negative_number_can_be_a_value),
    TEST(other_words_are_operands_in_their_order), TEST(help_is_reported_by_its_name),
    TEST(help_comes_before_all_faults), TEST(all_faults_are_told_at_once), TEST(a_secret_is_blanked_in_argv),
    TEST(an_abbreviated_secret_is_blanked_too), TEST(other_values_stay_in_argv),
    TEST(a_secret_vanishes_from_the_environment),
    TEST(a_secret_vanishes_from_the_environment_even_if_it_is_overruled), TEST(a_refused_secret_is_not_told),
    TEST(the_environment_has_upper_case_names_with_underscores), TEST(the_environment_cannot_ask_for_help),
    TEST(without_a_prefix_the_environment_is_not_read), TEST(a_bad_value_from_the_environment_is_refused),
    TEST(the_file_has_one_option_a_line), TEST(the_file_may_have_comments_blank_lines_and_spaces),
    TEST(the_file_may_have_windows_line_ends), TEST(a_value_in_the_file_may_hold_anything),
    TEST(a_value_in_the_file_may_be_empty), TEST(the_last_line_of_two_counts), TEST(an_empty_file_is_fine),
    TEST(a_secret_may_stand_in_the_file), TEST(an_unknown_option_in_the_file_is_refused_with_its_line),
    TEST(an_unknown_option_in_the_file_is_told_without_its_value), TEST(a_line_without_equals_is_refused),
    TEST(a_bad_value_in_the_file_is_refused), TEST(nul_in_the_file_is_refused), TEST(a_missing_file_is_refused),
    TEST(a_file_that_is_none_is_refused), TEST(a_file_that_is_too_large_is_refused),
    TEST(the_file_may_be_named_by_the_environment), TEST(flag_beats_environment_beats_file_beats_default),
    TEST(a_bad_value_that_is_overruled_is_no_fault), TEST(help_has_each_option_with_argument_and_default),
    TEST(help_breaks_after_a_long_name))
