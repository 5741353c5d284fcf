#include "model/page_tests.h"

#include "base/buf.h"
#include "base/mem.h"
#include "test.h"

static int append(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

static char *write(struct result_test *tests, size_t len, size_t max_rows, uint64_t max_bytes)
{
    struct result result = {.tests = tests, .tests_len = len};
    struct buf b = BUF_INIT(0);
    struct html h = {.sink = append, .data = &b};
    page_tests_write(&h, &result, max_rows, max_bytes);
    return buf_take(&b);
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static struct result_test five[] = {
    {.name = (char *)"a", .status = REPORT_PASSED, .is_passed = true, .duration_ms = 100},
    {.name = (char *)"b", .status = REPORT_SKIPPED, .description = (char *)"/usr/x.py:103: depends on c"},
    {.name = (char *)"c<i>",
     .status = REPORT_FAILED,
     .description = (char *)"\n  in test\nE   assert 1 == 2\nE  more",
     .duration_ms = 50,
     .memory_bytes = 3 << 20,
     .cpu_us = 40000},
    {.name = (char *)"d", .status = REPORT_XFAILED, .is_passed = true, .description = (char *)" \n"},
    {.name = (char *)"e", .status = REPORT_ERROR, .description = (char *)"no fixture"},
};

static void those_that_did_not_pass_come_first(void)
{
    CLEANUP(mem_freep) char *page = write(five, ARRAY_LEN(five), 100, 1 << 20);
    static const char *const order[] = {"<bdi>c&lt;i&gt;</bdi>", "<bdi>e</bdi>", "<bdi>b</bdi>",
                                        "<bdi>a</bdi>", "<bdi>d</bdi>"};
    const char *at = page;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        at = strstr(at, order[i]);
        CHECK(at);
    }
    CHECK(!strstr(page, "<i>"));
    CHECK(!strstr(page, "not listed"));
}

static void a_row_has_all_that_was_measured(void)
{
    CLEANUP(mem_freep) char *page = write(&five[2], 1, 100, 1 << 20);
    CHECK_CONTAINS(page, "<tbody class=\"test failed\">");
    CHECK_CONTAINS(page, "<span class=\"word\">failed</span>");
    CHECK_CONTAINS(page, "50 ms<span class=\"bar w20\"");
    CHECK_CONTAINS(page, "3.0 MB<span class=\"bar w20\"");
    CHECK_CONTAINS(page, "40 ms<span class=\"bar w20\"");
    CLEANUP(mem_freep) char *all = write(five, ARRAY_LEN(five), 100, 1 << 20);
    CHECK_CONTAINS(all, "50 ms<span class=\"bar w10\"");
    CHECK_CONTAINS(all, "–<span class=\"bar w0\"");
}

static void texts_are_folded_but_for_failures_and_their_first_line_is_seen(void)
{
    CLEANUP(mem_freep) char *page = write(five, ARRAY_LEN(five), 100, 1 << 20);
    CHECK_CONTAINS(page,
                   "<details open><summary><bdi>assert 1 == 2</bdi></summary><pre dir=\"auto\">\n  in test");
    CHECK_CONTAINS(page, "<details open><summary><bdi>no fixture</bdi>");
    CHECK_CONTAINS(page, "<details><summary><bdi>depends on c</bdi>");
    CHECK_INT(count(page, "<details"), 3); /* a blank text is none */
}

static void not_more_than_twenty_are_open(void)
{
    struct result_test many[50];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = five[2];
    CLEANUP(mem_freep) char *page = write(many, ARRAY_LEN(many), 100, 1 << 20);
    CHECK_INT(count(page, "<details open>"), 20);
    CHECK_INT(count(page, "<details"), 50);
}

static void the_buttons_have_the_numbers(void)
{
    CLEANUP(mem_freep) char *page = write(five, ARRAY_LEN(five), 100, 1 << 20);
    CHECK_CONTAINS(page, "all <b>5</b>");
    CHECK_CONTAINS(page, "expected failure <b>1</b>");
    CHECK_CONTAINS(page, "id=\"tools\" hidden>");
    CLEANUP(mem_freep) char *one = write(five, 1, 100, 1 << 20);
    CHECK_INT(count(one, "data-show="), 2); /* all, passed */
}

static void what_is_not_listed_is_counted(void)
{
    CLEANUP(mem_freep) char *page = write(five, ARRAY_LEN(five), 2, 1 << 20);
    CHECK_INT(count(page, "<tbody"), 2);
    CHECK_CONTAINS(page, "3 more tests are not listed: 1 passed, 1 skipped, 1 expected failure.");
    CLEANUP(mem_freep) char *small = write(five, ARRAY_LEN(five), 100, 1);
    CHECK_INT(count(small, "<tbody"), 1);
    CHECK_CONTAINS(small, "4 more tests are not listed: 1 passed, 1 error, 1 skipped, 1 expected failure.");
}

TEST_MAIN(TEST(those_that_did_not_pass_come_first), TEST(a_row_has_all_that_was_measured),
          TEST(texts_are_folded_but_for_failures_and_their_first_line_is_seen),
          TEST(not_more_than_twenty_are_open), TEST(the_buttons_have_the_numbers),
          TEST(what_is_not_listed_is_counted))
