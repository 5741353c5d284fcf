#include "model/page.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "test.h"

#include <errno.h>

static int append(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

static char *write(const struct page *page)
{
    struct buf b = BUF_INIT(0);
    CHECK_INT(page_write(page, append, &b), 0);
    CHECK(utf8_is_valid(b.data, b.len) && strlen(b.data) == b.len);
    return buf_take(&b);
}

static struct summary a_summary(void)
{
    return (struct summary){.id_json = (char *)"\"u<1\"",
                            .repository = (char *)"https://example.org/a.git",
                            .commit = (char *)"abc123",
                            .finished_s = 1790000000};
}

static char *page_of(const struct result *result)
{
    struct summary s = a_summary();
    return write(&(struct page){.summary = &s, .result = result});
}

static void the_verdict_in_words(void)
{
    struct result_test test = {.name = (char *)"t"};
    static const struct {
        bool is_passed, is_error;
        size_t tests;
        const char *want;
    } cases[] = {{true, false, 1, "<h1>Passed</h1>"},
                 {false, false, 1, "<h1>Not passed</h1>"},
                 {false, true, 0, "<h1>Could not be tested</h1>"},
                 {false, true, 1, "<h1>Could not be judged</h1>"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result r = {.is_passed = cases[i].is_passed,
                           .is_error = cases[i].is_error,
                           .tests = &test,
                           .tests_len = cases[i].tests,
                           .error_details = (char *)"because <b> of it"};
        CLEANUP(mem_freep) char *page = page_of(&r);
        CHECK_CONTAINS(page, cases[i].want);
        CHECK_CONTAINS(page, "because &lt;b&gt; of it");
        CHECK_INT(strstr(page, "of 1 tests passed") != NULL, cases[i].tests);
    }
}

static void the_facts(void)
{
    struct summary s = a_summary();
    struct result r = {.is_passed = true};
    CLEANUP(page_done) struct page page = {.summary = &s, .result = &r};
    page_add(&page, PAGE_MACHINE, "Kernel", "%s %d", "<Linux>", 6);
    page_add(&page, PAGE_TASK, "Suite", "https://example.org/tests");
    s.stages_ms[SUMMARY_TEST] = 1500;
    s.stages_ms[SUMMARY_FETCH] = 500;
    CLEANUP(mem_freep) char *text = write(&page);
    CHECK_CONTAINS(text, "<title>Passed · task u&lt;1</title>");
    CHECK_CONTAINS(text, "<dt>Task</dt><dd><bdi>u&lt;1</bdi>");
    CHECK_CONTAINS(text, "<dt>Commit</dt><dd><bdi>abc123</bdi>");
    CHECK_CONTAINS(text, "<dt>Branch</dt><dd><bdi>(the default branch)</bdi>");
    CHECK_CONTAINS(text, "<dt>Suite</dt><dd><bdi>https://example.org/tests</bdi>");
    CHECK_CONTAINS(text, "<h2>Machine</h2>\n<dl>\n<div><dt>Kernel</dt><dd><bdi>&lt;Linux&gt; 6</bdi>");
    CHECK_CONTAINS(text, "2026-09-21 14:13:20 UTC");
    CHECK_CONTAINS(text, "testing</th><td class=\"num\">1.50 s<span class=\"bar w15\"");
    CHECK(!strstr(text, "Limits") && !strstr(text, "What the tests printed"));
}

static void a_directory_has_a_name_rather_than_an_id(void)
{
    struct summary s = a_summary();
    struct result r = {.is_passed = true};
    s.repository = (char *)"/home/anton/<program>";
    CLEANUP(mem_freep) char *text = write(&(struct page){.summary = &s, .result = &r, .is_directory = true});
    CHECK_CONTAINS(text, "<title>Passed · &lt;program&gt;</title>");
    CHECK_CONTAINS(text, "<dt>Directory</dt><dd><bdi>/home/anton/&lt;program&gt;</bdi>");
    CHECK(!strstr(text, "<dt>Task</dt>"));
}

static void what_was_printed(void)
{
    struct summary s = a_summary();
    struct result r = {.is_error = true};
    struct page page = {.summary = &s, .result = &r, .has_output = true};
    page.out = (struct page_output){"head\0</pre>", "tail", 11, 4, 1000, 7};
    CLEANUP(mem_freep) char *text = write(&page);
    CHECK_CONTAINS(text, "<details class=\"output\" open><summary>Standard output");
    CHECK_CONTAINS(text, "<pre dir=\"auto\">head␀&lt;/pre&gt;</pre>");
    CHECK_CONTAINS(text, "1000 bytes are left out here");
    CHECK_CONTAINS(text, "<pre dir=\"auto\">tail</pre>");
    CHECK_CONTAINS(text, "7 bytes beyond the output limit were dropped");
    CHECK_CONTAINS(text, "Standard error: nothing");
}

static void only_its_own_style_and_script_are_allowed(void)
{
    struct result r = {.is_passed = true};
    CLEANUP(mem_freep) char *text = page_of(&r);
    CHECK_CONTAINS(text, "default-src 'none'");
    CHECK_CONTAINS(text, "style-src 'sha256-");
    CHECK_CONTAINS(text, "script-src 'sha256-");
    CHECK(!strstr(text, "unsafe") && !strstr(text, "http-equiv=\"refresh") && !strstr(text, " style="));
}

static char *filled(const char *piece, size_t bytes)
{
    char *text = mem_alloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        text[i] = piece[i % strlen(piece)];
    return text;
}

static void check_worst(const char *piece)
{
    enum { TESTS = 100000 };
    struct summary s = a_summary();
    CLEANUP(mem_freep) struct result_test *tests = mem_alloc(TESTS * sizeof(*tests));
    CLEANUP(mem_freep) char *name = filled(piece, 1024);
    CLEANUP(mem_freep) char *description = filled(piece, 16384);
    CLEANUP(mem_freep) char *output = filled(piece, 2 * PAGE_OUTPUT_BYTES);
    for (size_t i = 0; i < TESTS; i++)
        tests[i] = (struct result_test){.name = name, .description = description, .status = REPORT_FAILED};
    struct result r = {.tests = tests, .tests_len = TESTS, .error_details = output};
    CLEANUP(page_done) struct page page = {.summary = &s, .result = &r, .has_output = true};
    page.out = page.err = (struct page_output){output, output, PAGE_OUTPUT_BYTES, PAGE_OUTPUT_BYTES, 1, 1};
    for (int i = 0; i < 20; i++)
        page_add(&page, PAGE_TASK, "Fact", "%s", output);
    CLEANUP(mem_freep) char *text = write(&page);
    CHECK(strlen(text) <= PAGE_MAX_BYTES);
    CHECK_CONTAINS(text, "more tests are not listed");
    CHECK_CONTAINS(text, "</html>\n");
}

static void it_is_never_larger_than_its_limit(void)
{
    static const char *const pieces[] = {"a", "\"", "\n", "\xff", "\x01", "\xc2\x85", "\u202e"};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        check_worst(pieces[i]);
}

static int full(const char *text, size_t len, void *data)
{
    return -ENOSPC;
}

static void a_fault_of_the_sink_is_given_back(void)
{
    struct summary s = a_summary();
    struct result r = {0};
    CHECK_INT(page_write(&(struct page){.summary = &s, .result = &r}, full, NULL), -ENOSPC);
}

TEST_MAIN(TEST(the_verdict_in_words), TEST(the_facts), TEST(a_directory_has_a_name_rather_than_an_id),
          TEST(what_was_printed), TEST(only_its_own_style_and_script_are_allowed),
          TEST(it_is_never_larger_than_its_limit), TEST(a_fault_of_the_sink_is_given_back))
