#include "base/opt/opt.h"

#include "opt-table.h"

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

static void a_list_takes_each_one(void)
{
    parse("--name", "one", "--name=two words", "-k", "three", "-kfour", NULL);
    CLEANUP(mem_freep) char *names = strv_join(&config.names, "|");
    CHECK_STR(names, "one|two words|three|four");
    finish();
}

static void a_list_of_the_command_line_replaces_that_of_the_environment(void)
{
    setenv("OT_NAME", "x\ny", 1);
    parse(NULL);
    CHECK_INT(config.names.len, 2);
    finish();
    parse("-k", "z", NULL);
    CHECK_INT(config.names.len, 1);
    CHECK_STR(config.names.items[0], "z");
    finish();
    unsetenv("OT_NAME");
}

static void letters_stand_for_their_options(void)
{
    parse("-a", NULL);
    CHECK(config.auth);
    finish();
    parse("-ak", "x", NULL);
    CHECK(config.auth && config.names.len == 1);
    finish();
    refuse("-k", NULL);
    CHECK_STR(faults.items[0], "-k: option requires a value");
    finish();
    refuse("-z", NULL);
    CHECK_STR(faults.items[0], "-z: unknown option; see --help");
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

static const char *const no_numbers[] = {
    "",   " ",   "x",   "nan", "NAN", "inf", "-inf", "-nan", "infinity", "0x1",   "0X10",   "1 ",  " 1",
    "1x", "1,5", "--1", "+1",  "1e",  "-",   ".",    "1e+",  "1.5.",     "1e999", "1e-999", "1\n", "five"};

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
    static const char *const texts[] = {"1023", "0",   "0.5K", "-1G", "1KB",   "1KiB",
                                        "1P",   "1 K", "K",    "1KK", "9999T", "1e300T"};
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
    check_refused("--con=3", "--con: unknown option or ambiguous abbreviation");
}

static void an_unknown_option_is_refused(void)
{
    check_refused("--frobnicate", "--frobnicate: unknown option");
}

static void an_unknown_option_is_told_without_its_value(void)
{
    refuse("--pasword=geheim", NULL);
    CHECK_CONTAINS(faults.items[0], "--pasword: unknown option");
    CHECK(!strstr(faults.items[0], "geheim"));
    finish();
}

static void the_nearest_option_is_named(void)
{
    check_refused("--bakend-url=x",
                  "--bakend-url: unknown option or ambiguous abbreviation; did you mean --backend-url?");
    check_refused("--tiemout", "did you mean --timeout?");
    check_refused("--frobnicate", "abbreviation; see --help");
    check_refused("--=x", "abbreviation; see --help");
}

static void the_nearest_word_to_choose_is_named(void)
{
    check_refused("--sandbox=bwarp", "accepted: auto, bwrap, none; did you mean bwrap?");
    refuse("--sandbox=docker", NULL);
    CHECK(!strstr(faults.items[0], "did you mean"));
    finish();
}

static void a_missing_value_is_refused(void)
{
    refuse("--auth", "--timeout", NULL);
    CHECK_INT(faults.len, 1);
    CHECK_STR(faults.items[0], "--timeout: option requires a value");
    finish();
}

static void a_value_where_none_belongs_is_refused(void)
{
    check_refused("--help=me", "--help: option takes no value");
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

TEST_MAIN(TEST(without_arguments_the_defaults_hold), TEST(values_come_with_equals_or_as_the_next_word),
          TEST(a_list_takes_each_one), TEST(a_list_of_the_command_line_replaces_that_of_the_environment),
          TEST(letters_stand_for_their_options), TEST(the_last_of_two_counts), TEST(a_string_may_be_empty),
          TEST(a_flag_stands_alone_or_with_a_word), TEST(a_flag_takes_no_other_word), TEST(integers_are_read),
          TEST(what_is_no_number_is_refused), TEST(integers_out_of_range_are_refused), TEST(numbers_are_read),
          TEST(seconds_become_milliseconds), TEST(few_seconds_are_never_rounded_to_none),
          TEST(seconds_out_of_range_are_refused), TEST(bytes_take_a_unit),
          TEST(bytes_with_other_units_or_out_of_range_are_refused), TEST(a_choice_is_the_index_of_its_word),
          TEST(a_word_that_is_no_choice_is_refused), TEST(an_option_may_have_a_check_of_its_own),
          TEST(options_may_be_abbreviated), TEST(an_ambiguous_abbreviation_is_refused),
          TEST(an_unknown_option_is_refused), TEST(an_unknown_option_is_told_without_its_value),
          TEST(the_nearest_option_is_named), TEST(the_nearest_word_to_choose_is_named),
          TEST(a_missing_value_is_refused), TEST(a_value_where_none_belongs_is_refused),
          TEST(short_options_are_refused_each), TEST(a_negative_number_can_be_a_value),
          TEST(other_words_are_operands_in_their_order), TEST(help_is_reported_by_its_name),
          TEST(help_comes_before_all_faults))
