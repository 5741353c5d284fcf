#include "base/condition.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "scratch.h"

/* A log of its own for each test. */
static const char *log_path;

static void start(const char *name)
{
    log_path = scratch(name);
    struct err e = {0};
    log_set_level(LOG_LEVEL_DEBUG);
    log_set_plain(true);
    CHECK_INT(log_open(log_path, &e), 0);
}

/* Closes the log and checks what is in it. */
static void check_log(const char *want)
{
    log_open(NULL, NULL);
    log_set_plain(false);
    struct buf b = BUF_INIT(0);
    int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_INT(fd_read_all(fd, &b), 0);
    fd_close(fd);
    CLEANUP(mem_freep) char *got = buf_take(&b);
    CHECK_STR(got, want);
}

static void the_first_message_is_logged_at_its_level(void)
{
    start("first");
    struct condition a = {0}, b = {0};
    condition_raise(&a, LOG_LEVEL_ERROR, "no answer");
    condition_raise(&b, LOG_LEVEL_CRITICAL, "no disk");
    check_log("error no answer\ncritical no disk\n");
}

static void the_same_message_again_is_logged_at_debug(void)
{
    start("again");
    struct condition t = {0};
    condition_raise(&t, LOG_LEVEL_ERROR, "no answer");
    condition_raise(&t, LOG_LEVEL_ERROR, "no answer");
    condition_raise(&t, LOG_LEVEL_CRITICAL, "no answer");
    check_log("error no answer\ndebug no answer\ndebug no answer\n");
}

static void at_level_info_a_repetition_is_not_logged(void)
{
    start("quiet");
    log_set_level(LOG_LEVEL_INFO);
    struct condition t = {0};
    for (int i = 0; i < 100; i++)
        condition_raise(&t, LOG_LEVEL_WARNING, "no answer");
    check_log("warning no answer\n");
}

static void another_message_is_logged_at_its_level(void)
{
    start("other");
    struct condition t = {0};
    condition_raise(&t, LOG_LEVEL_ERROR, "no answer");
    condition_raise(&t, LOG_LEVEL_ERROR, "no answer from a");
    condition_raise(&t, LOG_LEVEL_WARNING, "no answer");
    check_log("error no answer\nerror no answer from a\nwarning no answer\n");
}

static void a_cleared_condition_is_logged_again(void)
{
    start("over");
    struct condition t = {0};
    condition_raise(&t, LOG_LEVEL_ERROR, "no answer");
    condition_clear(&t);
    condition_raise(&t, LOG_LEVEL_ERROR, "no answer");
    check_log("error no answer\nerror no answer\n");
}

static void conditions_are_independent(void)
{
    start("two");
    struct condition a = {0}, b = {0};
    condition_raise(&a, LOG_LEVEL_ERROR, "no answer");
    condition_raise(&b, LOG_LEVEL_ERROR, "no answer");
    condition_clear(&a);
    condition_raise(&b, LOG_LEVEL_ERROR, "no answer");
    check_log("error no answer\nerror no answer\ndebug no answer\n");
}

static void a_long_message_is_logged_whole_and_compared_by_its_beginning(void)
{
    char message[2001] = "";
    memset(message, 'x', 2000);
    start("long");
    struct condition t = {0};
    condition_raise(&t, LOG_LEVEL_ERROR, message);
    condition_raise(&t, LOG_LEVEL_ERROR, message);
    CLEANUP(mem_freep) char *want = mem_printf("error %s\ndebug %s\n", message, message);
    check_log(want);
}

static void what_looks_like_a_format_is_text(void)
{
    start("format");
    struct condition t = {0};
    condition_raise(&t, LOG_LEVEL_ERROR, "100%s%n");
    check_log("error 100%s%n\n");
}

static void text_is_the_message_while_it_is_raised(void)
{
    start("text");
    struct condition c = {0};
    CHECK(!condition_text(&c));
    CHECK(!condition_clear(&c));
    condition_raise(&c, LOG_LEVEL_ERROR, "no answer");
    CHECK_STR(condition_text(&c), "no answer");
    condition_raise(&c, LOG_LEVEL_ERROR, "no route");
    CHECK_STR(condition_text(&c), "no route");
    CHECK(condition_clear(&c));
    CHECK(!condition_text(&c));
    CHECK(!condition_clear(&c));
    check_log("error no answer\nerror no route\n");
}

static void an_empty_message_raises_it_too(void)
{
    start("empty");
    struct condition c = {0};
    condition_raise(&c, LOG_LEVEL_ERROR, "");
    CHECK_STR(condition_text(&c), "");
    CHECK(condition_clear(&c));
    check_log("error \n");
}

static void an_event_is_logged_once_too(void)
{
    start("event");
    struct condition c = {0};
    for (int key = 1; key <= 2; key++)
        condition_raise_fields(&c, LOG_LEVEL_WARNING, "7", "no answer", LOG_NUMBER("key", key));
    log_open(NULL, NULL);
    CLEANUP(buf_done) struct buf b = BUF_INIT(0);
    CLEANUP(fd_closep) int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    CHECK_INT(fd_read_all(fd, &b), 0);
    log_set_plain(false);
    CHECK(strncmp(b.data, "warning ", 8) == 0);
    const char *second = strchr(b.data, '\n') + 1;
    CHECK(strncmp(second, "debug ", 6) == 0);
    CHECK_CONTAINS(second, "no answer");
    CHECK_CONTAINS(second, "key");
    CHECK_STR(condition_text(&c), "no answer");
}

TEST_MAIN(TEST(the_first_message_is_logged_at_its_level), TEST(the_same_message_again_is_logged_at_debug),
          TEST(at_level_info_a_repetition_is_not_logged), TEST(another_message_is_logged_at_its_level),
          TEST(a_cleared_condition_is_logged_again), TEST(conditions_are_independent),
          TEST(a_long_message_is_logged_whole_and_compared_by_its_beginning),
          TEST(what_looks_like_a_format_is_text), TEST(text_is_the_message_while_it_is_raised),
          TEST(an_empty_message_raises_it_too), TEST(an_event_is_logged_once_too))
