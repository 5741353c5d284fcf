#pragma once

/*
 * The harness of the unit tests. A test program lists its tests in a table for TEST_MAIN; each test
 * is a line of TAP, which meson counts. CHECK* end the test at the first failure.
 */

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif

struct test {
    const char *name;
    void (*fn)(void);
};

static jmp_buf test_failed;

#define TEST_FAIL(...) \
    do { \
        printf("# %s:%d: ", __FILE__, __LINE__); \
        printf(__VA_ARGS__); \
        putchar('\n'); \
        longjmp(test_failed, 1); \
    } while (0)

#define CHECK(cond) \
    do { \
        if (!(cond)) \
            TEST_FAIL("not true: %s", #cond); \
    } while (0)

#define CHECK_INT(got, want) \
    do { \
        int64_t got_ = (int64_t)(got), want_ = (int64_t)(want); \
        if (got_ != want_) \
            TEST_FAIL("%s is %lld, not %lld", #got, (long long)got_, (long long)want_); \
    } while (0)

#define CHECK_STR(got, want) \
    do { \
        const char *got_ = (got), *want_ = (want); \
        if (!got_ || strcmp(got_, want_) != 0) \
            TEST_FAIL("%s is \"%s\", not \"%s\"", #got, got_ ? got_ : "(null)", want_); \
    } while (0)

#define CHECK_CONTAINS(got, part) \
    do { \
        const char *got_ = (got), *part_ = (part); \
        if (!got_ || !strstr(got_, part_)) \
            TEST_FAIL("%s is \"%s\", without \"%s\"", #got, got_ ? got_ : "(null)", part_); \
    } while (0)

static inline int test_main(const struct test *tests, size_t len)
{
    volatile int failed = 0;
    printf("1..%zu\n", len);
    for (volatile size_t i = 0; i < len; i++) {
        if (setjmp(test_failed) == 0) {
            tests[i].fn();
            printf("ok %zu - %s\n", i + 1, tests[i].name);
        } else {
            printf("not ok %zu - %s\n", i + 1, tests[i].name);
            failed = 1;
        }
        fflush(stdout);
    }
    return failed;
}

#define TEST(fn) \
    { \
#fn, fn \
    }
#define TEST_MAIN(...) \
    int main(void) \
    { \
        static const struct test tests[] = {__VA_ARGS__}; \
        return test_main(tests, sizeof(tests) / sizeof(tests[0])); \
    }
