#include "base/opt/opt_file.h"

#include "opt-table.h"

/* Returns the output of a function; the caller frees. */
static char *printed(void (*print)(const struct opt_set *, FILE *))
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    print(&set, out);
    fclose(out);
    return text;
}

/* Checks the beginning and the end of an option's line, ignoring blanks. */
static void check_line(const char *text, const char *begin, const char *end)
{
    const char *line = strstr(text, begin);
    CHECK(line && (line == text || line[-1] == '\n'));
    CLEANUP(mem_freep) char *whole = mem_strndup(line, strcspn(line, "\n"));
    CHECK(strlen(whole) > strlen(end) && strcmp(whole + strlen(whole) - strlen(end), end) == 0);
}

static void each_value_has_its_source(void)
{
    const char *path = config_file("timeout = 2\n");
    setenv("OT_FACTOR", "3", 1);
    parse("--config", path, "--concurrent=7", NULL);
    unsetenv("OT_FACTOR");
    CLEANUP(mem_freep) char *text = printed(opt_file_print);
    CLEANUP(mem_freep) char *origin = mem_printf("  (%s, line 1)", path);
    check_line(text, "concurrent = 7 ", "  (command line)");
    check_line(text, "factor = 3 ", "  (OT_FACTOR)");
    check_line(text, "timeout = 2 ", origin);
    check_line(text, "memory = 1G ", "  (default)");
    check_line(text, "git-protocols = ", "  (not set)");
    CHECK(!strstr(text, "help"));
    finish();
}

static void secrets_are_not_shown(void)
{
    parse("--password=geheim", "--backend-url=https://runner:geheim@host/x", NULL);
    CLEANUP(mem_freep) char *text = printed(opt_file_print);
    check_line(text, "password = (hidden) ", "  (command line)");
    check_line(text, "backend-url = https://host/x ", "  (command line)");
    CHECK(!strstr(text, "geheim"));
    finish();
}

static void what_was_settled_is_shown_as_default(void)
{
    parse("--concurrent=7", NULL);
    opt_settle(&set, "git-protocols", "ssh");
    opt_settle(&set, "concurrent", "8"); /* was given */
    CLEANUP(mem_freep) char *text = printed(opt_file_print);
    check_line(text, "git-protocols = ssh ", "  (default)");
    check_line(text, "concurrent = 7 ", "  (command line)");
    finish();
}

static void the_example_explains_each_option_of_a_file(void)
{
    parse(NULL);
    CLEANUP(mem_freep) char *text = printed(opt_file_print_example);
    CHECK_CONTAINS(text, "\n# tasks at a time\n#concurrent = 2\n");
    CHECK_CONTAINS(text, "\n# kind (auto, bwrap, none)\n#sandbox = auto\n");
    CHECK_CONTAINS(text, "\n# list\n#git-protocols = LIST\n");
    CHECK(!strstr(text, "well-known"));
    CHECK(!strstr(text, "#config"));
    CHECK(!strstr(text, "#help"));
    finish();
}

/* Uncommented, the example is accepted, except for options without a default. */
static void the_example_is_a_file_of_defaults(void)
{
    parse(NULL);
    CLEANUP(mem_freep) char *text = printed(opt_file_print_example);
    finish();
    parse("--config", config_file(text), NULL);
    CHECK_INT(opt_source_of(&set, "concurrent"), OPT_FROM_DEFAULT);
    finish();
    for (char *p = text; (p = strstr(p, "\n#")); p++)
        if (p[2] != ' ')
            p[1] = ' ';
    parse("--config", config_file(text), NULL);
    CHECK_INT(opt_source_of(&set, "concurrent"), OPT_FROM_FILE);
    CHECK_INT(config.concurrent, 2);
    CHECK(config.factor == 0.5);
    CHECK_STR(config.protocols, "LIST");
    finish();
}

static void a_group_is_a_heading(void)
{
    static const struct opt rows[] = {
        {"backend-url", "URL", OPT_STRING, AT(url), "x", .help = "one", .group = "First"},
        {"check", "FILE", OPT_STRING, AT(config), .help = "two", .is_of_call = true, .group = "Second"}};
    parse(NULL);
    finish();
    set = (struct opt_set){.table = rows, .len = 2};
    CHECK_INT(opt_parse(&set, 1, (char *[]){"program", NULL}, &config, &faults), 0);
    CLEANUP(mem_freep) char *example = printed(opt_file_print_example);
    CHECK_STR(example, "\n\n# ---- First ----\n\n# one\n#backend-url = x\n");
    CLEANUP(mem_freep) char *force = printed(opt_file_print);
    CHECK(strncmp(force, "# First\nbackend-url = x ", 24) == 0);
    CHECK(!strstr(force, "check"));
    argv = (struct strv){0};
    opt_done(&set, &config);
}

TEST_MAIN(TEST(each_value_has_its_source), TEST(secrets_are_not_shown),
          TEST(what_was_settled_is_shown_as_default), TEST(the_example_explains_each_option_of_a_file),
          TEST(the_example_is_a_file_of_defaults), TEST(a_group_is_a_heading))
