#include "model/report.h"

#include "base/utf8.h"
#include "test.h"

static struct report_case make_case(const char *classname, const char *name)
{
    return (struct report_case){.classname = (char *)classname, .name = (char *)name};
}

static void cases_are_added_and_dropped(void)
{
    CLEANUP(report_done) struct report report = {0};
    for (int i = 0; i < 1000; i++) {
        struct report_case *c = report_add(&report);
        CHECK(!c->classname && !c->name && !c->description);
        CHECK_INT(c->status, REPORT_PASSED);
        c->name = mem_printf("test_%d", i);
    }
    CHECK_INT(report.len, 1000);
    CHECK_STR(report.cases[0].name, "test_0");
    report_drop_last(&report);
    CHECK_INT(report.len, 999);
    CHECK_STR(report.cases[998].name, "test_998");
    report_done(&report);
    CHECK(!report.cases);
    CHECK_INT(report.len, 0);
}

static void the_worse_outcome_counts(void)
{
    static const enum report_status order[] = {
        REPORT_PASSED, REPORT_XFAILED, REPORT_SKIPPED, REPORT_FAILED, REPORT_ERROR,
    };
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        for (size_t k = 0; k < ARRAY_LEN(order); k++)
            CHECK_INT(report_worse(order[i], order[k]), order[MAX(i, k)]);
}

static void add_case(struct report *report, const char *name, enum report_status status, int64_t ms)
{
    struct report_case *c = report_add(report);
    c->classname = mem_strdup(*name ? "t" : "");
    c->name = mem_strdup(name);
    c->description = mem_printf("%s %lld", report_status_name(status), (long long)ms);
    c->status = status;
    c->duration_ms = ms;
}

static void check_case(const struct report_case *c, const char *name, const char *description, int64_t ms)
{
    CHECK_STR(c->name, name);
    CHECK_STR(c->description, description);
    CHECK_INT(c->duration_ms, ms);
}

static void runs_of_one_test_are_merged(void)
{
    CLEANUP(report_done) struct report report = {0};
    CLEANUP(mem_freep) char *cut = mem_printf("%0*d…", REPORT_NAME_BYTES, 1);
    report_merge_reruns(&report);
    CHECK_INT(report.len, 0);
    add_case(&report, "b", REPORT_PASSED, 1);
    add_case(&report, "a", REPORT_PASSED, 2);
    add_case(&report, "", REPORT_PASSED, 4);
    add_case(&report, "", REPORT_ERROR, 8);
    add_case(&report, "b", REPORT_FAILED, 16);
    add_case(&report, "a", REPORT_PASSED, 32);
    add_case(&report, "b", REPORT_PASSED, 64);
    add_case(&report, cut, REPORT_PASSED, 128);
    add_case(&report, cut, REPORT_PASSED, 256);
    report_merge_reruns(&report);
    CHECK_INT(report.len, 5);
    check_case(&report.cases[0], "b", "failed 16", 1 + 16 + 64);
    check_case(&report.cases[1], "a", "passed 32", 2 + 32);
    check_case(&report.cases[2], "", "error 8", 8);
    check_case(&report.cases[3], cut, "passed 128", 128);
    check_case(&report.cases[4], cut, "passed 256", 256);
}

static void outcomes_have_names_for_the_log(void)
{
    CHECK_STR(report_status_name(REPORT_PASSED), "passed");
    CHECK_STR(report_status_name(REPORT_FAILED), "failed");
    CHECK_STR(report_status_name(REPORT_ERROR), "error");
    CHECK_STR(report_status_name(REPORT_SKIPPED), "skipped");
    CHECK_STR(report_status_name(REPORT_XFAILED), "xfailed");
}

static void short_texts_stay_as_they_are(void)
{
    static const char text[] = "0123456789abcdef";
    for (size_t len = 0; len <= 16; len++) {
        CLEANUP(mem_freep) char *s = report_shorten(text, len, 16);
        CHECK_INT(strlen(s), len);
        CHECK(strncmp(s, text, len) == 0);
    }
}

static void long_texts_keep_head_and_tail(void)
{
    CLEANUP(mem_freep) char *s = report_shorten("0123456789abcdefghijklmnopqrstuvwxyz", 36, 20);
    CHECK_STR(s, "0123456789…\n[... 17 bytes left out ...]\n…rstuvwxyz");
    CLEANUP(mem_freep) char *one_more = report_shorten("0123456789abcdefghijk", 21, 20);
    CHECK_STR(one_more, "0123456789…\n[... 2 bytes left out ...]\n…cdefghijk");
}

/* Characters of 1 to 4 bytes, so that each limit cuts at another position. */
static void cuts_are_between_characters(void)
{
    struct report_text whole = {0};
    report_text_reset(&whole, 4096);
    for (int i = 0; i < 40; i++)
        report_text_append(&whole, "aяの🐢b", 11);
    CLEANUP(mem_freep) char *text = report_text_render(&whole);
    report_text_done(&whole);
    CHECK_INT(strlen(text), 440);
    for (size_t max = 0; max < 440; max++) {
        CLEANUP(mem_freep) char *s = report_shorten(text, 440, max);
        CHECK(utf8_is_valid(s, strlen(s)));
        size_t limit = MAX(max, (size_t)16);
        CHECK(strlen(s) <= limit + 48);
        const char *marker = strstr(s, "…\n[... ");
        CHECK(marker);
        size_t head = (size_t)(marker - s);
        const char *tail = strstr(marker, "...]\n…") + strlen("...]\n…");
        CHECK(strncmp(s, text, head) == 0);
        CHECK_STR(tail, text + 440 - strlen(tail));
        CHECK(head + strlen(tail) + 8 >= limit);
        CHECK_INT(strtol(marker + strlen("…\n[... "), NULL, 10), 440 - head - strlen(tail));
    }
}

static void pieces_give_the_same_as_the_whole(void)
{
    char text[250];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    struct report_text t = {0};
    for (size_t i = 0; i < 80; i++) {
        size_t max = 16 + i * 37 % 80 * 4; /* larger and smaller, in the same memory */
        CLEANUP(mem_freep) char *want = report_shorten(text, sizeof(text), max);
        for (size_t piece = 1; piece <= sizeof(text); piece = piece * 3 / 2 + 1) {
            report_text_reset(&t, max);
            for (size_t at = 0; at < sizeof(text); at += piece)
                report_text_append(&t, text + at, MIN(piece, sizeof(text) - at));
            CLEANUP(mem_freep) char *got = report_text_render(&t);
            CHECK_STR(got, want);
            CHECK(t.cap <= 332);
        }
    }
    report_text_done(&t);
}

static void nothing_appended_is_the_empty_text(void)
{
    struct report_text t = {0};
    report_text_reset(&t, 100);
    report_text_append(&t, "", 0);
    CLEANUP(mem_freep) char *s = report_text_render(&t);
    CHECK_STR(s, "");
    report_text_done(&t);
}

static void shortened_texts_are_repaired(void)
{
    CLEANUP(mem_freep) char *s = report_shorten("a\xff\0b", 4, 100);
    CHECK_STR(s, "a\xef\xbf\xbd\xef\xbf\xbd"
                 "b");
    CLEANUP(mem_freep) char *nul = report_shorten("a\0b", 3, 100);
    CHECK_STR(nul, "a\xef\xbf\xbd"
                   "b");
    char garbage[5000];
    memset(garbage, 0x80, sizeof(garbage));
    CLEANUP(mem_freep) char *cut = report_shorten(garbage, sizeof(garbage), 1000);
    CHECK(utf8_is_valid(cut, strlen(cut)));
    CHECK(strlen(cut) > 900 && strlen(cut) < 1060);
}

static void seconds_become_whole_milliseconds(void)
{
    static const struct {
        const char *text;
        int64_t want_ms;
    } rows[] = {
        {"0.29", 290},
        {"0.289", 289},
        {"1.005", 1005},
        {"4.35", 4350},
        {"0.0009999", 0},
        {"1", 1000},
        {"1.", 1000},
        {".5", 500},
        {"007.25", 7250},
        {"1,234.5", 1234500},
        {"1,234,567", 1234567000},
        {"1.5s", 1500},
        {" 2.5 ", 2500},
        {"2.5s\n", 2500},
        {"1e-05", 0},
        {"1.2e-2", 12},
        {"2E+1", 20000},
        {"1.23456789012345678901234567890", 1234},
        {"0.00000000000000000000000000001e30", 10000},
        {"999999999.999", 999999999999},
        {"1000000000", 1000000000000},
        {"1000000001", 1000000000000},
        {"123456789012345678901234567890", 1000000000000},
        {"1e999999999999", 1000000000000},
        {"1e-999999999999", 0},
        {"0e9999", 0},
        {"0", 0},
        {"0.000", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got_ms = report_parse_seconds(rows[i].text);
        if (got_ms != rows[i].want_ms)
            TEST_FAIL("\"%s\" is %lld, not %lld", rows[i].text, (long long)got_ms,
                      (long long)rows[i].want_ms);
    }
}

static void nonsense_takes_no_time(void)
{
    static const char *const rows[] = {
        "",    " ",  "-1",    "-0.5", "+1",      "nan",  "inf",    "Infinity", "NaN",
        ".",   "s",  "1.2.3", "1,2",  "1,23",    ",123", "1,2345", "1,",       "0x10",
        "1 2", "1e", "1e+",   "1ms",  "1.5 s x", "۱",    "e5",     "1ss",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (report_parse_seconds(rows[i]) != 0)
            TEST_FAIL("\"%s\" is not 0", rows[i]);
}

static void names_are_posted_without_tests(void)
{
    static const struct {
        const char *classname, *name, *want;
    } rows[] = {
        {"tests.lab1.test_build", "test_make", "lab1.test_build::test_make"},
        {"tests.tests.test_build", "test_make", "tests.test_build::test_make"},
        {"test_build", "test_make", "test_build::test_make"},
        {"tests", "test_make", "tests::test_make"},
        {"mytests.lab1", "test_make", "mytests.lab1::test_make"},
        {"", "tests.test_broken", "tests.test_broken"},
        {"", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct report_case c = make_case(rows[i].classname, rows[i].name);
        CLEANUP(mem_freep) char *name = report_case_name(&c);
        CHECK_STR(name, rows[i].want);
    }
}

struct match {
    const char *classname, *name, *wanted;
};

static const struct match matching[] = {
    {"tests.lab1.test_build", "test_make[src/main.c]", "tests/lab1/test_build.py::test_make"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "tests/lab1/test_build.py::test_make[src/main.c]"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "test_make[src/main.c]"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "test_build.py"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "TEST_make"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "Tests/Lab1/Test_Build.PY"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "lab1"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "lab1/"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "::test_make"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "test_build::test_make"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "test_build.py/test_make"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "lab1.test_build.test_make"},
    {"tests.lab1.test_build", "test_make[src/main.c]", ".py"},
    {"tests.lab1.test_build", "test_make[src/main.c]", ""},
    {"tests.lab1.test_build.TestFlags", "test_wall", "tests/lab1/test_build.py::TestFlags::test_wall"},
    {"tests.test_x", "test_p[a::b.py::c]", "tests/test_x.py::test_p[a::b.py::c]"},
    {"tests.test_x", "test_p[run.py/x]", "test_p[run.py/x]"},
    {"tests.test_x", "test_p[run.py]", "run.py"},
    {"tests.test_x", "test_Привет", "TEST_Привет"},
    /* a directory named like the suffix */
    {"tests.py.test_x", "test_a", "tests/py/test_x.py::test_a"},
    {"tests.py.test_x", "test_a", "tests.py.test_x"},
    /* a module that cannot be imported has no classname */
    {"", "tests.lab1.test_build", "tests/lab1/test_build.py"},
    {"", "tests.lab1.test_build", "lab1"},
    /* producers that write paths */
    {"tests/lab1/test_build.py", "test_make", "tests/lab1/test_build.py::test_make"},
    {"tests/lab1/test_build.py", "test_make", "test_build.py"},
};

static const struct match not_matching[] = {
    {"tests.lab1.test_build", "test_make[src/main.c]", "test_link"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "test_make[src/other.c]"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "lab1/test_make"},
    {"tests.lab1.test_build", "test_make[src/main.c]", "test_build:test_make"},
    {"tests.lab1.test_build_all", "test_make", "test_build.py"},
    {"tests.lab1.test_build_all", "test_make", "tests/lab1/test_build.py::test_make"},
    {"tests.lab1.test_buildx", "test_make", "test_build.pyx"},
    {"tests.lab1.test_build", "test_make", "lab11"},
    {"tests.lab1.test_build", "test_make", "python"},
    {"", "", "x"},
};

static void connected_names_select_cases(void)
{
    for (size_t i = 0; i < ARRAY_LEN(matching); i++) {
        struct report_case c = make_case(matching[i].classname, matching[i].name);
        if (!report_case_matches(&c, matching[i].wanted))
            TEST_FAIL("\"%s\" does not match %s, %s", matching[i].wanted, c.classname, c.name);
    }
    for (size_t i = 0; i < ARRAY_LEN(not_matching); i++) {
        struct report_case c = make_case(not_matching[i].classname, not_matching[i].name);
        if (report_case_matches(&c, not_matching[i].wanted))
            TEST_FAIL("\"%s\" matches %s, %s", not_matching[i].wanted, c.classname, c.name);
    }
}

static void the_place_before_a_reason_is_left_out(void)
{
    CHECK_STR(report_after_place("/usr/x.py:103: depends on c"), "depends on c");
    static const char *const same[] = {"", "depends: on 1: c", "x.py: no number", "1:", ": x", "x.py:1:"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        CHECK_STR(report_after_place(same[i]), same[i]);
}

TEST_MAIN(TEST(cases_are_added_and_dropped), TEST(the_worse_outcome_counts),
          TEST(runs_of_one_test_are_merged), TEST(outcomes_have_names_for_the_log),
          TEST(short_texts_stay_as_they_are), TEST(long_texts_keep_head_and_tail),
          TEST(cuts_are_between_characters), TEST(pieces_give_the_same_as_the_whole),
          TEST(nothing_appended_is_the_empty_text), TEST(shortened_texts_are_repaired),
          TEST(seconds_become_whole_milliseconds), TEST(nonsense_takes_no_time),
          TEST(names_are_posted_without_tests), TEST(connected_names_select_cases),
          TEST(the_place_before_a_reason_is_left_out))
