#include "base/mem.h"

#include "scratch.h"

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>

static void alloc_gives_zeroed_memory(void)
{
    for (int round = 0; round < 50; round++) {
        unsigned char *p = mem_alloc(1000);
        for (int i = 0; i < 1000; i++)
            CHECK_INT(p[i], 0);
        memset(p, 0xff, 1000);
        free(p);
    }
}

static void alloc_of_nothing_is_a_pointer(void)
{
    CLEANUP(mem_freep) void *p = mem_alloc(0);
    CHECK(p != NULL);
}

static void resize_keeps_the_content(void)
{
    int *p = mem_resize(NULL, 4, sizeof(int));
    for (int i = 0; i < 4; i++)
        p[i] = i;
    p = mem_resize(p, 1000, sizeof(int));
    p[999] = 1;
    for (int i = 0; i < 4; i++)
        CHECK_INT(p[i], i);
    p = mem_resize(p, 0, sizeof(int));
    CHECK(p != NULL);
    free(p);
}

static void overflow_resize(void)
{
    mem_resize(NULL, SIZE_MAX / 4 + 2, 4); /* 4 bytes without the check */
}

static void huge_alloc(void)
{
    setrlimit(RLIMIT_AS, &(struct rlimit){0, 0});
    mem_alloc((size_t)1 << 40);
}

/* Returns the signal that ended a child running `fn`, or 0. */
static int signal_that_ends(void (*fn)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void no_memory_ends_the_program(void)
{
#ifndef ASAN /* which ends the program in its own way */
    CHECK_INT(signal_that_ends(overflow_resize), SIGABRT);
    CHECK_INT(signal_that_ends(huge_alloc), SIGABRT);
#else
    (void)signal_that_ends;
    (void)overflow_resize;
    (void)huge_alloc;
#endif
}

static void strdup_copies_and_null_stays_null(void)
{
    const char *text = "abc";
    CLEANUP(mem_freep) char *s = mem_strdup(text);
    CHECK_STR(s, "abc");
    CHECK(s != text);
    CHECK(mem_strdup(NULL) == NULL);
}

static void strndup_ends_at_the_length_or_at_nul(void)
{
    CLEANUP(mem_freep) char *cut = mem_strndup("abcdef", 3);
    CLEANUP(mem_freep) char *whole = mem_strndup("abc", 10);
    CLEANUP(mem_freep) char *none = mem_strndup("abc", 0);
    CHECK_STR(cut, "abc");
    CHECK_STR(whole, "abc");
    CHECK_STR(none, "");
}

static void printf_gives_a_formatted_string(void)
{
    CLEANUP(mem_freep) char *s = mem_printf("%s-%05d", "x", 42);
    CHECK_STR(s, "x-00042");
}

static int freed;

static void count_free(void *p)
{
    freed++;
    free(p);
}

typedef void *counted;
DEFINE_CLEANUP(counted, count_free)

static void cleanup_runs_at_the_end_of_the_scope_but_not_for_null(void)
{
    freed = 0;
    {
        CLEANUP(count_freep) counted p = mem_alloc(1);
        CLEANUP(count_freep) counted none = NULL;
        CHECK(p && !none);
        CHECK_INT(freed, 0);
    }
    CHECK_INT(freed, 1);
}

static void take_ptr_hands_ownership_on(void)
{
    char *kept;
    {
        CLEANUP(mem_freep) char *s = mem_strdup("kept");
        kept = TAKE_PTR(s);
        CHECK(s == NULL);
    }
    CHECK_STR(kept, "kept");
    free(kept);
}

static void free_secret_allows_null(void)
{
    mem_free_secret(NULL);
}

/* Reads freed memory through the kernel, which valgrind and the sanitizers do not notice. */
static void free_secret_overwrites_the_text(void)
{
    mallopt(M_PERTURB, 0); /* MALLOC_PERTURB_ could use that very byte */
    size_t len = 100000;   /* free() changes only the first bytes of large blocks */
    char *secret = mem_alloc(len + 1), *above = mem_alloc(len); /* the latter keeps it mapped */
    memset(secret, 's', len);
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char *seen = mem_alloc(len);
    off_t where = (off_t)(uintptr_t)secret + 5000;
    CHECK_INT(pread(fd, seen, 1000, where), 1000);
    CHECK(seen[0] == 's' && seen[999] == 's');
    mem_free_secret(secret);
    CHECK_INT(pread(fd, seen, 1000, where), 1000);
    CHECK(!memchr(seen, 's', 1000));
    close(fd);
    free(seen);
    free(above);
}

static void array_len_counts_elements(void)
{
    int three[3];
    CHECK_INT(ARRAY_LEN(three), 3);
    CHECK_INT(MIN(2, 3), 2);
    CHECK_INT(MAX(2, 3), 3);
}

TEST_MAIN(TEST(alloc_gives_zeroed_memory), TEST(alloc_of_nothing_is_a_pointer),
          TEST(resize_keeps_the_content), TEST(no_memory_ends_the_program),
          TEST(strdup_copies_and_null_stays_null), TEST(strndup_ends_at_the_length_or_at_nul),
          TEST(printf_gives_a_formatted_string), TEST(cleanup_runs_at_the_end_of_the_scope_but_not_for_null),
          TEST(take_ptr_hands_ownership_on), TEST(free_secret_allows_null),
          TEST(free_secret_overwrites_the_text), TEST(array_len_counts_elements))
