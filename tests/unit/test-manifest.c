#include "job/manifest.h"

#include "scratch.h"

/* One suite, what its manifest says, and the job that it is for. */
static struct manifest m;
static struct strv argv;
static struct err err;
static struct job_options job_options;
static struct job job;

static void finish(void)
{
    manifest_done(&m);
    strv_done(&argv);
    strv_done(&job.task.tests);
    free(job.task.labs);
    job = (struct job){0};
}

static const char *suite_with(const char *manifest, size_t len)
{
    const char *dir = scratch("suite");
    mkdir(dir, 0700);
    scratch_file("suite/" MANIFEST_NAME, manifest, len);
    return dir;
}

static int read_text(const char *manifest)
{
    finish(); /* what a test before has left */
    err = (struct err){0};
    return manifest_read(suite_with(manifest, strlen(manifest)), &m, &err);
}

static void accept(const char *manifest)
{
    if (read_text(manifest) < 0)
        TEST_FAIL("refused: %s", err.message);
}

static void refuse(const char *manifest, const char *part)
{
    if (read_text(manifest) == 0)
        TEST_FAIL("taken: %s", manifest);
    CHECK_INT(err.class, ERR_ENVIRONMENT);
    CHECK_CONTAINS(err.message, MANIFEST_NAME);
    CHECK_CONTAINS(err.message, part);
    finish();
}

static void check_words(const struct strv *words, const char *want)
{
    CLEANUP(mem_freep) char *joined = strv_join(words, "|");
    CHECK_STR(joined, want);
}

/* The words of a command, with '|' between them. */
static void check_command(const char *text, const char *want)
{
    CLEANUP(mem_freep) char *manifest = mem_printf("command = %s\n", text);
    accept(manifest);
    check_words(&m.command, want);
    CHECK(m.requirements == NULL);
    finish();
}

/* ---- words ---- */

static void a_command_is_split_at_blanks(void)
{
    check_command("make", "make");
    check_command("make check", "make|check");
    check_command("  make \t  check\t", "make|check");
    check_command("make\vcheck\fall\rx", "make|check|all|x");
    check_command("тест --имя=ё", "тест|--имя=ё");
}

static void quotes_hold_a_word_together(void)
{
    check_command("'a b'", "a b");
    check_command("\"a b\" c", "a b|c");
    check_command("a'b c'd\"e f\"g", "ab cde fg");
    check_command("'a\"b' \"c'd\"", "a\"b|c'd");
}

static void quotes_can_make_an_empty_word(void)
{
    check_command("a '' \"\" b", "a|||b");
    CLEANUP(mem_freep) char *only = mem_printf("command = ''");
    accept(only);
    CHECK_INT(m.command.len, 1);
    CHECK_STR(m.command.items[0], "");
    finish();
}

static void a_backslash_takes_the_next_character_as_it_is(void)
{
    check_command("a\\ b", "a b");
    check_command("\\'a \\\"b \\\\c \\#", "'a|\"b|\\c|#");
    check_command("a\\bc", "abc");
}

static void within_single_quotes_a_backslash_is_one(void)
{
    check_command("'a\\b' 'c\\\\d'", "a\\b|c\\\\d");
    check_command("'\\'", "\\");
}

/* As in a shell: "\n" stays what it is, for a program that knows it. */
static void within_double_quotes_a_backslash_is_one_before_ordinary_characters(void)
{
    check_command("\"a\\nb\" \"\\d+\"", "a\\nb|\\d+");
    check_command("\"a\\\"b\" \"c\\\\d\" \"\\$e\" \"\\`f\"", "a\"b|c\\d|$e|`f");
}

static void a_backslash_at_the_end_is_one(void)
{
    check_command("a\\", "a\\");
}

static void nothing_is_expanded_as_a_shell_would(void)
{
    check_command("$HOME ~ *.c `id` $(id) a;b a&&b a|b >x", "$HOME|~|*.c|`id`|$(id)|a;b|a&&b|a|b|>x");
}

static void an_open_quote_is_refused(void)
{
    refuse("command = 'a b\n", "line 1: a quote is not closed");
    refuse("\ncommand = a\"b\n", "line 2: a quote is not closed");
    refuse("command = \"a\\\"\n", "a quote is not closed");
    refuse("command = 'a\nrequirements = b'\n", "a quote is not closed");
}

static char *command_of(size_t count)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "command =");
    for (size_t i = 0; i < count; i++)
        buf_puts(&b, " a");
    return buf_take(&b);
}

static void there_may_be_so_many_words_and_no_more(void)
{
    CLEANUP(mem_freep) char *most = command_of(1000);
    accept(most);
    CHECK_INT(m.command.len, 1000);
    CLEANUP(mem_freep) char *more = command_of(1001);
    refuse(more, "line 1: the command has too many words");
}

/* ---- lines ---- */

static void comments_blank_lines_and_spaces_do_not_count(void)
{
    accept("\n# a comment\n   \n\t# another = one\n  command=make\r\n\n");
    check_words(&m.command, "make");
    accept("command\t =  make # no comment");
    check_words(&m.command, "make|#|no|comment");
    finish();
}

static void a_byte_order_mark_is_skipped(void)
{
    accept("\xef\xbb\xbf"
           "command = a b\n");
    check_words(&m.command, "a|b");
    refuse("\xef\xbb\xbf", "has no 'command");
}

static void without_a_command_a_manifest_is_refused(void)
{
    refuse("", "has no 'command = …'");
    refuse("# command = make\n", "has no 'command = …'");
    refuse("command =\n", "line 1: the command is empty");
    refuse("command = \t \n", "line 1: the command is empty");
}

static void what_is_behind_a_nul_is_not_left_out(void)
{
    static const char text[] = "command = make\n\0requirements = nothing\n";
    finish();
    CHECK_INT(manifest_read(suite_with(text, sizeof(text) - 1), &m, &err), -EINVAL);
    CHECK_INT(err.class, ERR_ENVIRONMENT);
    CHECK_CONTAINS(err.message, MANIFEST_NAME " contains a NUL byte");
}

static void an_unknown_line_is_refused_with_its_number(void)
{
    refuse("command = make\n\n# x\nshell = sh\n",
           "line 4: 'command = …', 'requirements = …' or 'may-change = …' was");
    refuse("make\n", "line 1: ");
    refuse("command make\n", "line 1: ");
    refuse("command = make\nCommand = make\n", "line 2: ");
    refuse("= make\n", "line 1: ");
    refuse("commands = make\n", "line 1: ");
}

static void a_second_command_is_refused(void)
{
    refuse("command = make\ncommand = check\n", "line 2: 'command' is given twice");
}

static void a_manifest_that_cannot_be_read_is_refused(void)
{
    finish();
    CHECK_INT(manifest_read(make_dir("no-suite", 0700), &m, &err), -ENOENT);
    CHECK_INT(err.class, ERR_ENVIRONMENT);
    make_dir("no-suite/" MANIFEST_NAME, 0700);
    CHECK_INT(manifest_read(scratch("no-suite"), &m, &err), -EINVAL);
    CHECK_CONTAINS(err.message, MANIFEST_NAME " cannot be read");
}

static void a_manifest_that_is_too_large_is_refused(void)
{
    CLEANUP(mem_freep) char *text = mem_alloc(70001);
    memset(text, '#', 70000);
    finish();
    CHECK_INT(manifest_read(suite_with(text, 70000), &m, &err), -EFBIG);
    CHECK_INT(err.class, ERR_ENVIRONMENT);
    CHECK_CONTAINS(err.message, "too large");
    finish();
}

static void files_that_may_change_are_patterns(void)
{
    accept("command = make\nmay-change = build/*  *.log\nmay-change = data/x\n");
    check_words(&m.may_change, "build/*|*.log|data/x");
    finish();
}

/* ---- requirements ---- */

static void requirements_are_a_file_of_the_suite(void)
{
    make_file("requirements.txt", "outside");
    suite_with("", 0);
    make_file("suite/requirements.txt", "pytest\n");
    mkdir(scratch("suite/dir"), 0700);
    make_file("suite/dir/b.txt", "pytest\n");
    accept("command = make\nrequirements = requirements.txt\n");
    CHECK_STR(m.requirements, scratch("suite/requirements.txt"));
    accept("requirements = dir/b.txt\ncommand = make\n");
    CHECK_STR(m.requirements, scratch("suite/dir/b.txt"));
    finish();
}

static void requirements_outside_of_the_suite_are_refused(void)
{
    make_file("requirements.txt", "outside");
    refuse("command = make\nrequirements = ../requirements.txt\n",
           "must be the path of a file inside the suite");
    refuse("command = make\nrequirements = dir/../../requirements.txt\n",
           "must be the path of a file inside the suite");
    refuse("command = make\nrequirements = /etc/hosts\n", "must be the path of a file inside the suite");
}

static void requirements_that_are_no_file_are_refused(void)
{
    suite_with("", 0);
    mkdir(scratch("suite/a-directory"), 0700);
    make_file("outside.txt", "outside");
    make_link(scratch("outside.txt"), "suite/a-link");
    refuse("command = make\nrequirements = missing.txt\n", "line 2: the requirements file is missing");
    refuse("command = make\nrequirements = a-directory\n", "not a regular file");
    refuse("command = make\nrequirements = a-link\n", "not a regular file");
    refuse("command = make\nrequirements =\n", "must be the path of a file inside the suite");
}

static void second_requirements_are_refused(void)
{
    suite_with("", 0);
    make_file("suite/a.txt", "");
    refuse("command = make\nrequirements = a.txt\nrequirements = a.txt\n",
           "line 3: 'requirements' is given twice");
}

/* ---- placeholders ---- */

static void start_job(void)
{
    finish();
    job_options.proxy_timeout_s = 10;
    job.options = &job_options;
    job.src = (char *)scratch("src");
    job.tests = (char *)scratch("suite");
    job.inside.src = (char *)"/box/src";
    job.inside.report = (char *)"/box/report.xml";
}

static void add_lab(int64_t lab)
{
    job.task.labs = mem_resize(job.task.labs, job.task.labs_len + 1, sizeof(*job.task.labs));
    job.task.labs[job.task.labs_len++] = lab;
}

/* Expands the words up to NULL; they come with '|' between them. */
static void check_expanded(const char *want, const char *first, ...)
{
    strv_done(&m.command);
    strv_done(&argv);
    va_list ap;
    va_start(ap, first);
    for (const char *word = first; word; word = va_arg(ap, const char *))
        strv_push(&m.command, word);
    va_end(ap);
    if (manifest_expand(&m.command, &job, &argv, &err) < 0)
        TEST_FAIL("refused: %s", err.message);
    check_words(&argv, want);
}

static void words_without_placeholders_stay_as_they_are(void)
{
    start_job();
    check_expanded("make|{}|{x}|{src|src}|{ src }|{SRC}|{{|", "make", "{}", "{x}", "{src", "src}", "{ src }",
                   "{SRC}", "{{", "", NULL);
    CHECK_INT(argv.len, 9);
    finish();
}

static void each_placeholder_has_its_value(void)
{
    start_job();
    add_lab(2);
    check_expanded("/box/src|/box/report.xml|2|2|10", "{src}", "{report}", "{lab}", "{labs}",
                   "{proxy_timeout}", NULL);
    finish();
    start_job();
    strv_push(&job.task.tests, "test_a");
    check_expanded("test_a", "{tests}", NULL);
    finish();
}

static void placeholders_may_stand_anywhere_in_a_word(void)
{
    start_job();
    check_expanded(
        "--src=/box/src|/box/src/x|a/box/srcb|/box/src/box/src|/box/src:/box/report.xml|{/box/src}",
        "--src={src}", "{src}/x", "a{src}b", "{src}{src}", "{src}:{report}", "{{src}}", NULL);
    finish();
}

static void lists_become_words_of_their_own(void)
{
    start_job();
    add_lab(1);
    add_lab(3);
    check_expanded("run|--labs|1|3|end", "run", "--labs", "{labs}", "end", NULL);
    finish();
    start_job();
    strv_push(&job.task.tests, "test_a");
    strv_push(&job.task.tests, "b c");
    check_expanded("run|test_a|b c|end", "run", "{tests}", "end", NULL);
    finish();
}

static void within_a_word_lists_have_commas(void)
{
    start_job();
    add_lab(1);
    add_lab(3);
    check_expanded("--labs=1,3|x1,3y", "--labs={labs}", "x{labs}y", NULL);
    finish();
    start_job();
    strv_push(&job.task.tests, "test_a");
    strv_push(&job.task.tests, "test_b");
    check_expanded("--only=test_a,test_b", "--only={tests}", NULL);
    finish();
}

static void empty_lists_are_no_word_at_all(void)
{
    start_job();
    check_expanded("run|end", "run", "{labs}", "{tests}", "end", NULL);
    CHECK_INT(argv.len, 2);
    check_expanded("--labs=|--only=", "--labs={labs}", "--only={tests}", NULL);
    finish();
}

static void a_command_of_empty_lists_is_none(void)
{
    start_job();
    strv_done(&m.command);
    strv_push(&m.command, "{tests}");
    strv_push(&m.command, "{labs}");
    CHECK_INT(manifest_expand(&m.command, &job, &argv, &err), -EINVAL);
    CHECK_INT(err.class, ERR_ENVIRONMENT);
    CHECK_CONTAINS(err.message, "names no program");
    CHECK_INT(argv.len, 0);
    finish();
}

static void with_names_the_labs_do_not_select(void)
{
    start_job();
    add_lab(1);
    add_lab(3);
    strv_push(&job.task.tests, "test_a");
    check_expanded("3|test_a", "{lab}", "{labs}", "{tests}", NULL);
    finish();
}

static void without_a_lab_the_stage_is_the_first(void)
{
    start_job();
    check_expanded("--stage=1|1", "--stage={lab}", "{lab}", NULL);
    finish();
}

static void the_stage_is_the_highest_lab(void)
{
    start_job();
    add_lab(2);
    add_lab(4);
    add_lab(3);
    check_expanded("4|2|4|3", "{lab}", "{labs}", NULL);
    finish();
}

static void values_are_not_expanded_again(void)
{
    start_job();
    job.inside.src = (char *)"/x/{report}";
    strv_push(&job.task.tests, "{src}");
    check_expanded("/x/{report}|--src=/x/{report}|{src}|--only={src}", "{src}", "--src={src}", "{tests}",
                   "--only={tests}", NULL);
    finish();
}

static void a_name_that_looks_like_an_option_is_refused(void)
{
    static const char *const names[] = {"-k", "--src=/etc", "-"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        start_job();
        strv_push(&job.task.tests, "test_a");
        strv_push(&job.task.tests, names[i]);
        strv_push(&m.command, "{tests}");
        CHECK_INT(manifest_expand(&m.command, &job, &argv, &err), -EINVAL);
        CHECK_INT(err.class, ERR_TASK);
        CHECK_CONTAINS(err.message, names[i]);
        CHECK_CONTAINS(err.message, "cannot be selected");
        CHECK_INT(argv.len, 0);
        finish();
    }
}

/* Within a longer word commas stand between the names: one with a comma would become two. */
static void a_name_with_a_comma_is_refused_where_names_are_joined(void)
{
    start_job();
    strv_push(&job.task.tests, "test_a[1,2]");
    check_expanded("run|test_a[1,2]", "run", "{tests}", NULL);
    strv_done(&m.command);
    strv_done(&argv);
    strv_push(&m.command, "{tests}");
    strv_push(&m.command, "--only={tests}");
    CHECK_INT(manifest_expand(&m.command, &job, &argv, &err), -EINVAL);
    CHECK_INT(err.class, ERR_TASK);
    CHECK_CONTAINS(err.message, "'test_a[1,2]' cannot be selected");
    finish();
}

static void a_used_placeholder_is_found(void)
{
    finish();
    strv_push(&m.command, "run");
    strv_push(&m.command, "--only={tests},x");
    strv_push(&m.command, "{labs}");
    CHECK(manifest_uses(&m.command, "{tests}"));
    CHECK(manifest_uses(&m.command, "{labs}"));
    CHECK(!manifest_uses(&m.command, "{lab}"));
    CHECK(!manifest_uses(&m.command, "{src}"));
    finish();
    CHECK(!manifest_uses(&m.command, "{tests}"));
}

TEST_MAIN(TEST(files_that_may_change_are_patterns), TEST(a_command_is_split_at_blanks),
          TEST(quotes_hold_a_word_together), TEST(quotes_can_make_an_empty_word),
          TEST(a_backslash_takes_the_next_character_as_it_is), TEST(within_single_quotes_a_backslash_is_one),
          TEST(within_double_quotes_a_backslash_is_one_before_ordinary_characters),
          TEST(a_backslash_at_the_end_is_one), TEST(nothing_is_expanded_as_a_shell_would),
          TEST(an_open_quote_is_refused), TEST(there_may_be_so_many_words_and_no_more),
          TEST(comments_blank_lines_and_spaces_do_not_count), TEST(a_byte_order_mark_is_skipped),
          TEST(without_a_command_a_manifest_is_refused), TEST(what_is_behind_a_nul_is_not_left_out),
          TEST(an_unknown_line_is_refused_with_its_number), TEST(a_second_command_is_refused),
          TEST(a_manifest_that_cannot_be_read_is_refused), TEST(a_manifest_that_is_too_large_is_refused),
          TEST(requirements_are_a_file_of_the_suite), TEST(requirements_outside_of_the_suite_are_refused),
          TEST(requirements_that_are_no_file_are_refused), TEST(second_requirements_are_refused),
          TEST(words_without_placeholders_stay_as_they_are), TEST(each_placeholder_has_its_value),
          TEST(placeholders_may_stand_anywhere_in_a_word), TEST(lists_become_words_of_their_own),
          TEST(within_a_word_lists_have_commas), TEST(empty_lists_are_no_word_at_all),
          TEST(a_command_of_empty_lists_is_none), TEST(with_names_the_labs_do_not_select),
          TEST(without_a_lab_the_stage_is_the_first), TEST(the_stage_is_the_highest_lab),
          TEST(values_are_not_expanded_again), TEST(a_name_that_looks_like_an_option_is_refused),
          TEST(a_name_with_a_comma_is_refused_where_names_are_joined), TEST(a_used_placeholder_is_found))
