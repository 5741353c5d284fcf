#include "runner/trouble.h"

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

static void the_first_is_logged_at_its_level(void)
{
    start("first");
    struct trouble a = {0}, b = {0};
    trouble_log(&a, LOG_LEVEL_ERROR, "no answer");
    trouble_log(&b, LOG_LEVEL_CRITICAL, "no disk");
    check_log("error no answer\ncritical no disk\n");
}

static void the_same_again_is_for_debugging(void)
{
    start("again");
    struct trouble t = {0};
    trouble_log(&t, LOG_LEVEL_ERROR, "no answer");
    trouble_log(&t, LOG_LEVEL_ERROR, "no answer");
    trouble_log(&t, LOG_LEVEL_CRITICAL, "no answer");
    check_log("error no answer\ndebug no answer\ndebug no answer\n");
}

static void without_debugging_a_repetition_is_not_logged(void)
{
    start("quiet");
    log_set_level(LOG_LEVEL_INFO);
    struct trouble t = {0};
    for (int i = 0; i < 100; i++)
        trouble_log(&t, LOG_LEVEL_WARNING, "no answer");
    check_log("warning no answer\n");
}

static void other_trouble_is_news(void)
{
    start("other");
    struct trouble t = {0};
    trouble_log(&t, LOG_LEVEL_ERROR, "no answer");
    trouble_log(&t, LOG_LEVEL_ERROR, "no answer from a");
    trouble_log(&t, LOG_LEVEL_WARNING, "no answer");
    check_log("error no answer\nerror no answer from a\nwarning no answer\n");
}

static void after_it_is_over_the_same_is_news(void)
{
    start("over");
    struct trouble t = {0};
    trouble_log(&t, LOG_LEVEL_ERROR, "no answer");
    trouble_over(&t);
    trouble_log(&t, LOG_LEVEL_ERROR, "no answer");
    check_log("error no answer\nerror no answer\n");
}

static void each_place_has_its_own_trouble(void)
{
    start("two");
    struct trouble a = {0}, b = {0};
    trouble_log(&a, LOG_LEVEL_ERROR, "no answer");
    trouble_log(&b, LOG_LEVEL_ERROR, "no answer");
    trouble_over(&a);
    trouble_log(&b, LOG_LEVEL_ERROR, "no answer");
    check_log("error no answer\nerror no answer\ndebug no answer\n");
}

/* Only the beginning of a long one is kept; it is logged whole all the same, and known again. */
static void a_long_message_is_known_again(void)
{
    char message[2001] = "";
    memset(message, 'x', 2000);
    start("long");
    struct trouble t = {0};
    trouble_log(&t, LOG_LEVEL_ERROR, message);
    trouble_log(&t, LOG_LEVEL_ERROR, message);
    CLEANUP(mem_freep) char *want = mem_printf("error %s\ndebug %s\n", message, message);
    check_log(want);
}

static void what_looks_like_a_format_is_text(void)
{
    start("format");
    struct trouble t = {0};
    trouble_log(&t, LOG_LEVEL_ERROR, "100%s%n");
    check_log("error 100%s%n\n");
}

TEST_MAIN(TEST(the_first_is_logged_at_its_level), TEST(the_same_again_is_for_debugging),
          TEST(without_debugging_a_repetition_is_not_logged), TEST(other_trouble_is_news),
          TEST(after_it_is_over_the_same_is_news), TEST(each_place_has_its_own_trouble),
          TEST(a_long_message_is_known_again), TEST(what_looks_like_a_format_is_text))
