#include "base/log.h"

#include "base/buf.h"
#include "base/fd.h"
#include "scratch.h"

#include <sys/stat.h>
#include <time.h>

/* Returns the current contents of the file; the caller frees. */
static char *content_of(const char *path)
{
    struct buf b = BUF_INIT(0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        fd_read_all(fd, &b);
    fd_close(fd);
    return buf_take(&b);
}

/* A separate log file for each test, with all levels enabled. */
static const char *start_log(const char *name)
{
    const char *path = scratch(name);
    struct err e = {0};
    log_set_level(LOG_LEVEL_DEBUG);
    if (log_open(path, &e) < 0)
        TEST_FAIL("%s", e.message);
    return path;
}

static void end_log(void)
{
    log_open(NULL, NULL);
    log_set_plain(false);
    log_set_level(LOG_LEVEL_INFO);
}

static void a_line_is_time_level_and_text(void)
{
    const char *path = start_log("line");
    log_warning("disk %d%% full", 93);
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    struct tm tm;
    const char *rest = strptime(got, "%Y-%m-%dT%H:%M:%S", &tm);
    CHECK(rest != NULL && rest - got == 19);
    CHECK_STR(rest + 5, " WARNING disk 93% full\n");
}

static void a_plain_line_is_level_and_text(void)
{
    const char *path = start_log("plain");
    log_set_plain(true);
    log_error("no %s", "disk");
    log_set_plain(false);
    log_error("again");
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    CHECK(strncmp(got, "error no disk\n", 14) == 0);
    CHECK_CONTAINS(got, "Z ERROR again\n");
}

static void each_level_has_its_word(void)
{
    const char *path = start_log("words");
    log_debug("a");
    log_info("b");
    log_warning("c");
    log_error("d");
    log_critical("e");
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    static const char *const want[] = {" DEBUG a\n", " INFO b\n", " WARNING c\n", " ERROR d\n",
                                       " CRITICAL e\n"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK_CONTAINS(got, want[i]);
}

static void lines_below_the_level_are_left_out(void)
{
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_CRITICAL; level++) {
        const char *path = start_log(log_level_name((enum log_level)level));
        log_set_level((enum log_level)level);
        for (int i = LOG_LEVEL_DEBUG; i <= LOG_LEVEL_CRITICAL; i++) {
            CHECK_INT(log_enabled((enum log_level)i), i >= level);
            log_write((enum log_level)i, "x");
        }
        end_log();
        CLEANUP(mem_freep) char *got = content_of(path);
        int lines = 0;
        for (const char *p = got; *p; p++)
            lines += *p == '\n';
        CHECK_INT(lines, LOG_LEVEL_CRITICAL - level + 1);
    }
}

static void the_level_is_info_at_first(void)
{
    CHECK(log_enabled(LOG_LEVEL_INFO));
    CHECK(!log_enabled(LOG_LEVEL_DEBUG));
}

static void level_words_are_parsed(void)
{
    static const char *const words[] = {"debug", "info", "warning", "error", "critical"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        enum log_level level;
        CHECK_INT(log_level_parse(words[i], &level), 0);
        CHECK_INT(level, i);
        CHECK_STR(log_level_name(level), words[i]);
    }
}

static void other_level_words_are_refused(void)
{
    enum log_level level = LOG_LEVEL_ERROR;
    CHECK_INT(log_level_parse("", &level), -EINVAL);
    CHECK_INT(log_level_parse("warn", &level), -EINVAL);
    CHECK_INT(log_level_parse("INFO", &level), -EINVAL);
    CHECK_INT(log_level_parse("infos", &level), -EINVAL);
    CHECK_INT(level, LOG_LEVEL_ERROR);
}

static void check_split(const char *line, enum log_level want_level, const char *want)
{
    enum log_level level = LOG_LEVEL_CRITICAL;
    CHECK_STR(log_split_plain(line, &level), want);
    CHECK_INT(level, want_level);
}

static void a_plain_line_is_split_again(void)
{
    check_split("debug x", LOG_LEVEL_DEBUG, "x");
    check_split("info a b", LOG_LEVEL_INFO, "a b");
    check_split("warning  x", LOG_LEVEL_WARNING, " x");
    check_split("error ", LOG_LEVEL_ERROR, "");
}

static void a_line_without_a_level_is_all_text(void)
{
    static const char *const lines[] = {"",       " ",      "error",   "errors x",
                                        "warn x", "INFO x", " info x", "info\tx"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        check_split(lines[i], LOG_LEVEL_CRITICAL, lines[i]);
}

static void check_visible(const char *text, const char *want)
{
    const char *path = start_log("visible");
    unlink(path);
    start_log("visible");
    log_set_plain(true);
    log_info("%s", text);
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    CLEANUP(mem_freep) char *line = mem_printf("info %s\n", want);
    CHECK_STR(got, line);
}

static void line_breaks_cannot_forge_a_line(void)
{
    check_visible("one\n2026-11-23T00:00:00.000Z ERROR two\n", "one\\n2026-11-23T00:00:00.000Z ERROR two\\n");
    check_visible("a\rb", "a\\x0db");
}

static void control_characters_are_made_visible(void)
{
    check_visible("\x1b[31mred\x07\t\x7f\x01", "\\x1b[31mred\\x07\\x09\\x7f\\x01");
}

static void c1_control_characters_are_made_visible(void)
{
    check_visible("\xc2\x9b\x33m|\xc2\x80|\xc2\x9f|\xc2\xa0", "\\x9b\x33m|\\x80|\\x9f|\xc2\xa0");
}

static void marks_of_the_order_are_made_visible(void)
{
    check_visible("\xe2\x80\xaetxt.c|\xe2\x80\xa8|\xe2\x81\xa6|\xe2\x81\xa9",
                  "\\u202etxt.c|\\u2028|\\u2066|\\u2069");
    check_visible("\xe2\x80\xa7|\xe2\x80\xaf|\xe2\x81\xa5|\xe2\x82\xac",
                  "\xe2\x80\xa7|\xe2\x80\xaf|\xe2\x81\xa5|\xe2\x82\xac");
}

static void other_characters_stay(void)
{
    check_visible("Гриша % %s \\ \xf0\x9f\x98\x80", "Гриша % %s \\ \xf0\x9f\x98\x80");
}

static void ill_formed_utf8_is_repaired(void)
{
    check_visible("a\xff\xc2", "a\xef\xbf\xbd\xef\xbf\xbd");
}

static void a_long_text_is_cut_and_the_line_still_ends(void)
{
    const char *path = start_log("long");
    CLEANUP(mem_freep) char *text = mem_alloc(100001);
    memset(text, 'x', 100000);
    log_info("%s", text);
    log_info("next");
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    const char *end = strchr(got, '\n');
    CHECK(end && end - got > 4000 && end - got < 10000);
    CHECK_CONTAINS(end, " INFO next\n");
}

static void opening_appends(void)
{
    const char *path = scratch_file("append", "before\n", 7);
    start_log("append");
    log_info("after");
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    CHECK(strncmp(got, "before\n", 7) == 0);
    CHECK_CONTAINS(got, " INFO after\n");
}

/* ---- tasks, pairs, and other forms ---- */

static const struct log_field fetched[] = {LOG_TEXT("branch", "main"), LOG_NUMBER("ms", 12)};

static void a_task_stands_before_the_message(void)
{
    const char *path = start_log("task");
    log_task(LOG_LEVEL_WARNING, "7\n", "was %s", "stopped");
    log_task(LOG_LEVEL_INFO, NULL, "none");
    log_write_fields(LOG_LEVEL_INFO, "8", "fetched", fetched, 2);
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    CHECK_CONTAINS(got, " WARNING task=7\\n was stopped\n");
    CHECK_CONTAINS(got, " INFO none\n");
    CHECK_CONTAINS(got, " INFO task=8 fetched branch=main ms=12\n");
}

static void json_is_an_object_a_line(void)
{
    const char *path = start_log("json");
    log_set_format(LOG_FORMAT_JSON);
    log_error("disk \"%s\"\n", "a\xff");
    log_fields(LOG_LEVEL_INFO, "8", "fetched", LOG_TEXT("branch", "main"), LOG_NUMBER("ms", 12));
    log_set_format(LOG_FORMAT_TEXT);
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    CHECK(strncmp(got, "{\"time\": \"20", 12) == 0);
    CHECK_CONTAINS(
        got, "Z\", \"level\": \"error\", \"message\": \"disk \\\"a\xef\xbf\xbd\\\"\\\\n\"}\n{\"time\": ");
    CHECK_CONTAINS(got, "\"task\": \"8\", \"message\": \"fetched\", \"branch\": \"main\", \"ms\": 12}\n");
}

/* Plain lines of one program, logged by another one with all fields. */
static void a_plain_line_is_relayed(void)
{
    const char *path = start_log("hand-over");
    log_set_plain(true);
    log_write_fields(LOG_LEVEL_INFO, NULL, "fetched", fetched, 2);
    end_log();
    CLEANUP(mem_freep) char *line = content_of(path);
    line[strlen(line) - 1] = '\0';
    enum log_level level = LOG_LEVEL_DEBUG;
    const char *event = log_split_plain(line, &level);
    const char *to = start_log("relayed");
    log_relay(level, "9", event);
    log_set_format(LOG_FORMAT_JSON);
    log_relay(level, "9", event);
    log_relay(level, "9", "a\x1b[m\xff\tb=\r");
    log_set_format(LOG_FORMAT_TEXT);
    end_log();
    CLEANUP(mem_freep) char *got = content_of(to);
    CHECK_CONTAINS(got, " INFO task=9 fetched branch=main ms=12\n");
    CHECK_CONTAINS(got, "\"message\": \"fetched\", \"branch\": \"main\", \"ms\": 12}\n");
    CHECK_CONTAINS(got, "\"message\": \"a\\\\x1b[m\xef\xbf\xbd\", \"b\": \"\\\\x0d\"}\n");
}

static void what_is_below_the_level_is_left_out_in_each_way(void)
{
    const char *path = start_log("quiet");
    log_set_level(LOG_LEVEL_WARNING);
    log_task(LOG_LEVEL_INFO, "1", "x");
    log_write_fields(LOG_LEVEL_INFO, "1", "x", fetched, 2);
    log_relay(LOG_LEVEL_INFO, "1", "x");
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    CHECK_STR(got, "");
}

/* ---- systemd's journal ---- */

/* Standard output is a file; $JOURNAL_STREAM names it if `is_named`. */
static void log_to_a_journal(bool is_named)
{
    int fd = open(scratch("journal"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat st;
    CHECK(dup2(fd, STDOUT_FILENO) == STDOUT_FILENO && fstat(fd, &st) == 0);
    char text[64];
    snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino + !is_named);
    setenv("JOURNAL_STREAM", text, 1);
    CHECK_INT(log_open("", NULL), 0);
    log_set_level(LOG_LEVEL_DEBUG);
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_CRITICAL; level++)
        log_task((enum log_level)level, "5", "one");
    log_set_format(LOG_FORMAT_JSON);
    log_info("two");
    start_log("beside-journal");
    log_set_format(LOG_FORMAT_TEXT);
    log_info("three");
}

static void log_to_the_journal(void)
{
    log_to_a_journal(true);
}

static void log_to_something_else(void)
{
    log_to_a_journal(false);
}

static void lines_for_the_journal_have_a_priority_and_no_time(void)
{
    CHECK(passes_in_child(log_to_the_journal));
    CLEANUP(mem_freep) char *got = content_of(scratch("journal"));
    CLEANUP(mem_freep) char *file = content_of(scratch("beside-journal"));
    const char *lines = "<7>task=5 one\n<6>task=5 one\n<4>task=5 one\n<3>task=5 one\n<2>task=5 one\n"
                        "<6>{\"time\": \"";
    CHECK(strncmp(got, lines, strlen(lines)) == 0);
    CHECK(file[0] == '2');
    CHECK_CONTAINS(file, "Z INFO three\n");
}

static void a_stream_that_is_not_the_journals_has_the_time(void)
{
    CHECK(passes_in_child(log_to_something_else));
    CLEANUP(mem_freep) char *got = content_of(scratch("journal"));
    CHECK(got[0] == '2');
    CHECK_CONTAINS(got, "Z DEBUG task=5 one\n");
    CHECK_CONTAINS(got, "\n{\"time\": \"");
}

static void reopen_follows_a_rotation(void)
{
    const char *path = start_log("rotate"), *old = scratch("rotate.1");
    log_info("one");
    CHECK_INT(rename(path, old), 0);
    log_info("two");
    CHECK_INT(log_reopen(NULL), 0);
    log_info("three");
    end_log();
    CLEANUP(mem_freep) char *got_old = content_of(old);
    CLEANUP(mem_freep) char *got = content_of(path);
    CHECK_CONTAINS(got_old, "one");
    CHECK_CONTAINS(got_old, "two");
    CHECK(!strstr(got_old, "three"));
    CHECK_CONTAINS(got, "three");
    CHECK(!strstr(got, "two"));
}

static void a_failing_reopen_keeps_the_old_file(void)
{
    mkdir(scratch("gone"), 0700);
    start_log("gone/log");
    CHECK_INT(rename(scratch("gone"), scratch("moved")), 0);
    struct err e = {0};
    CHECK_INT(log_reopen(&e), -ENOENT);
    CHECK_CONTAINS(e.message, scratch("gone/log"));
    log_info("still");
    end_log();
    CLEANUP(mem_freep) char *got = content_of(scratch("moved/log"));
    CHECK_CONTAINS(got, "still");
}

static void a_failing_open_keeps_the_old_file(void)
{
    const char *path = start_log("kept");
    struct err e = {0};
    CHECK_INT(log_open(scratch("missing/log"), &e), -ENOENT);
    CHECK_CONTAINS(e.message, scratch("missing/log"));
    log_info("still");
    CHECK_INT(log_reopen(&e), 0);
    log_info("there");
    end_log();
    CLEANUP(mem_freep) char *got = content_of(path);
    CHECK_CONTAINS(got, "still");
    CHECK_CONTAINS(got, "there");
}

static void reopening_leaks_no_descriptor(void)
{
    start_log("leak");
    int before = count_open_files();
    for (int i = 0; i < 5; i++)
        CHECK_INT(log_reopen(NULL), 0);
    start_log("leak2");
    CHECK_INT(count_open_files(), before);
    end_log();
    CHECK_INT(count_open_files(), before - 1);
}

static void the_descriptor_is_close_on_exec(void)
{
    int fd = dup(STDOUT_FILENO); /* the lowest free one */
    close(fd);
    start_log("cloexec");
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    end_log();
}

static void log_to_standard_output(void)
{
    int fd = open(scratch("stdout"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(dup2(fd, STDOUT_FILENO) == STDOUT_FILENO);
    log_info("first");
    start_log("elsewhere");
    log_info("second");
    CHECK_INT(log_open("", NULL), 0);
    CHECK_INT(log_reopen(NULL), 0);
    log_info("third");
    start_log("elsewhere");
    CHECK_INT(log_open(NULL, NULL), 0);
    log_info("fourth");
}

static void without_a_path_standard_output_is_used(void)
{
    CHECK(passes_in_child(log_to_standard_output));
    CLEANUP(mem_freep) char *got = content_of(scratch("stdout"));
    CLEANUP(mem_freep) char *elsewhere = content_of(scratch("elsewhere"));
    CHECK_CONTAINS(got, "first");
    CHECK(!strstr(got, "second"));
    CHECK_CONTAINS(elsewhere, "second");
    CHECK_CONTAINS(got, "third");
    CHECK_CONTAINS(got, "fourth");
}

static void a_log_that_cannot_be_written_does_no_harm(void)
{
    CHECK_INT(log_open("/dev/full", NULL), 0);
    log_info("lost");
    end_log();
}

TEST_MAIN(TEST(the_level_is_info_at_first), TEST(a_line_is_time_level_and_text),
          TEST(a_plain_line_is_level_and_text), TEST(each_level_has_its_word),
          TEST(lines_below_the_level_are_left_out), TEST(level_words_are_parsed),
          TEST(other_level_words_are_refused), TEST(a_plain_line_is_split_again),
          TEST(a_line_without_a_level_is_all_text), TEST(line_breaks_cannot_forge_a_line),
          TEST(control_characters_are_made_visible), TEST(c1_control_characters_are_made_visible),
          TEST(marks_of_the_order_are_made_visible), TEST(other_characters_stay),
          TEST(ill_formed_utf8_is_repaired), TEST(a_long_text_is_cut_and_the_line_still_ends),
          TEST(opening_appends), TEST(a_task_stands_before_the_message), TEST(json_is_an_object_a_line),
          TEST(a_plain_line_is_relayed), TEST(what_is_below_the_level_is_left_out_in_each_way),
          TEST(lines_for_the_journal_have_a_priority_and_no_time),
          TEST(a_stream_that_is_not_the_journals_has_the_time), TEST(reopen_follows_a_rotation),
          TEST(a_failing_reopen_keeps_the_old_file), TEST(a_failing_open_keeps_the_old_file),
          TEST(reopening_leaks_no_descriptor), TEST(the_descriptor_is_close_on_exec),
          TEST(without_a_path_standard_output_is_used), TEST(a_log_that_cannot_be_written_does_no_harm))
