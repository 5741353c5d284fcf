/*
 * Running out of memory is not blamed on the report: expat's allocations fail at any chosen moment.
 */

#include "reports.h"
#include "scratch.h"

#include <expat.h>
#include <signal.h>
#include <sys/resource.h>

static int allocations_left = -1; /* allocations that succeed; -1: all */

static bool may_allocate(void)
{
    if (allocations_left < 0)
        return true;
    return allocations_left > 0 && allocations_left--;
}

static void *allocate(size_t size)
{
    return may_allocate() ? malloc(size) : NULL;
}

static void *resize(void *p, size_t size)
{
    return may_allocate() ? realloc(p, size) : NULL;
}

/* Replaces expat's function: its parser with these allocators. */
XML_Parser XML_ParserCreate(const XML_Char *encoding)
{
    static const XML_Memory_Handling_Suite memory = {allocate, resize, free};
    return XML_ParserCreate_MM(encoding, &memory, NULL);
}

/* Parses it with this many allocations; returns junit's code. */
static int read_with(int allocations, const char *text, size_t len, struct report *ret_report,
                     struct err *err)
{
    struct junit *j = junit_new(&junit_default_limits);
    allocations_left = allocations;
    int r = 0;
    for (size_t at = 0; at < len && r == 0; at += 50)
        r = junit_feed(j, text + at, MIN((size_t)50, len - at), err);
    if (r == 0)
        r = junit_finish(j, ret_report, err);
    allocations_left = -1;
    junit_free(j);
    return r;
}

/* Returns how often memory was too small. */
static int check_every_lack(const char *text, size_t len)
{
    for (int n = 0;; n++) {
        CLEANUP(report_done) struct report report = {0};
        struct err err = {0};
        int r = read_with(n, text, len, &report, &err);
        if (r == 0)
            return n;
        CHECK_INT(r, -ENOMEM);
        CHECK_INT(err.class, ERR_INTERNAL);
        CHECK_STR(err.message, "Not enough memory to read the report");
        CHECK(!report.cases);
    }
}

static void a_lack_of_memory_is_never_the_reports_fault(void)
{
    size_t len;
    CLEANUP(mem_freep) char *text = read_sample("pytest-xunit2.xml", &len);
    CHECK(check_every_lack(text, len) > 5);
}

static void a_lack_of_memory_for_a_long_tag_is_none_of_its_size(void)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "<testsuite><testcase name='");
    for (int i = 0; i < 100000; i++)
        buf_puts(&b, "x");
    buf_puts(&b, "'/></testsuite>");
    CHECK(check_every_lack(b.data, b.len) > 5);
    buf_done(&b);
}

static void make_a_parser_without_memory(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    close(STDERR_FILENO);
    allocations_left = 0;
    junit_new(&junit_default_limits);
}

static void without_memory_for_the_parser_the_program_ends(void)
{
    int status = 0;
    CHECK(waitpid(start_child(make_a_parser_without_memory, false), &status, 0) > 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST_MAIN(TEST(a_lack_of_memory_is_never_the_reports_fault),
          TEST(a_lack_of_memory_for_a_long_tag_is_none_of_its_size),
          TEST(without_memory_for_the_parser_the_program_ends))
