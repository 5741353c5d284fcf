#pragma once

/* What the tests of the runner's options share: one reading of them, in an environment of their own. */

#include "runner/config/options.h"

#include "scratch.h"

#include <stdarg.h>

static struct options options;
static struct strv words, faults;
static const char *asked;
static bool is_read;

static inline void finish(void)
{
    if (is_read)
        options_done(&options);
    is_read = false;
    strv_done(&words);
    strv_done(&faults);
}

/* Nothing of the caller's environment counts; $HOME is where the state would go. */
static inline void start(void)
{
    finish(); /* what a test that failed has left */
    clearenv();
    setenv("HOME", "/home/somebody", 1);
}

/* Reads the words up to NULL; gives the code. The words stay for a look at what became of them. */
static inline int read_words(const char *first, ...)
{
    if (is_read)
        options_done(&options);
    strv_done(&words);
    strv_done(&faults);
    strv_push(&words, "ostest-runner");
    va_list ap;
    va_start(ap, first);
    for (const char *word = first; word; word = va_arg(ap, const char *))
        strv_push(&words, word);
    va_end(ap);
    is_read = true;
    asked = "untouched";
    return options_read((int)words.len, words.items, &options, &asked, &faults);
}

/* Reads them and fails the test if there are faults. */
#define ACCEPT(...) \
    do { \
        if (read_words(__VA_ARGS__ __VA_OPT__(, ) NULL) < 0) \
            TEST_FAIL("refused: %s", faults.items[0]); \
        CHECK_INT(faults.len, 0); \
        CHECK(asked == NULL); \
    } while (0)

/* Reads them and fails the test unless there is just this fault. */
#define REFUSE(part, ...) \
    do { \
        CHECK_INT(read_words(__VA_ARGS__ __VA_OPT__(, ) NULL), -EINVAL); \
        CHECK_INT(faults.len, 1); \
        CHECK_CONTAINS(faults.items[0], part); \
    } while (0)
