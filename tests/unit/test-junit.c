#include "reports.h"

#include "base/utf8.h"

/* Formats a report: "status|classname|name|ms|description" and a line break per case. */
static char *dump(const struct report *report)
{
    static const char *const words[] = {
        [REPORT_PASSED] = "passed",   [REPORT_FAILED] = "failed",   [REPORT_ERROR] = "error",
        [REPORT_SKIPPED] = "skipped", [REPORT_XFAILED] = "xfailed",
    };
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < report->len; i++) {
        const struct report_case *c = &report->cases[i];
        buf_printf(&b, "%s|%s|%s|%lld|%s\n", words[c->status], c->classname, c->name,
                   (long long)c->duration_ms, c->description);
    }
    return buf_take(&b);
}

static void check_text(const char *text, size_t len, const char *want)
{
    CLEANUP(report_done) struct report report = {0};
    struct err err = {0};
    if (parse(text, len, &report, &err) != 0)
        TEST_FAIL("refused: %s", err.message);
    CLEANUP(mem_freep) char *got = dump(&report);
    CHECK_STR(got, want);
}

/* Literals may contain NUL bytes. */
#define CHECK_REPORT(text, want) check_text(text, sizeof(text) - 1, want)
#define CHECK_CASES(cases, want) CHECK_REPORT("<testsuite>" cases "</testsuite>", want)

static void check_sample(const char *name, const char *want)
{
    size_t len;
    CLEANUP(mem_freep) char *text = read_sample(name, &len);
    check_text(text, len, want);
}

static void pytest_reports_are_read(void)
{
    check_sample("pytest-xunit2.xml",
                 "passed|tests.lab1.test_build|test_make[src/main.c]|290|\n"
                 "failed|tests.lab1.test_build|test_output|1005|program = <Program build/answer>\n\n"
                 "    def test_output(program):\n"
                 ">       assert program.run() == \"42\\n\"\n"
                 "E       AssertionError: assert '41\\n' == '42\\n'\n\n"
                 "tests/lab1/test_build.py:12: AssertionError\n"
                 "error|tests.lab1.test_build|test_locked|12|call text\n\nteardown text\n"
                 "error|tests.lab1.test_build|test_setup|1|setup text\n"
                 "skipped|tests.lab1.test_build.TestFlags|test_warnings|0|/box/tests/lab1/conftest.py:40: "
                 "test_warnings depends on test_make\n"
                 "xfailed|tests.lab1.test_build|test_later|0|expected failure: lab 2 brings this\n"
                 "xfailed|tests.lab1.test_build|test_later_silent|0|expected failure\n"
                 "failed|tests.lab1.test_build|test_too_early|0|[XPASS(strict)] lab 2 brings this\n"
                 "failed|tests.lab1.test_utf8|test_greeting[привет]|5|получено «привет» — 🐢\n"
                 "error||tests.lab2.test_broken|0|ImportError while importing test module\n");
    check_sample(
        "pytest-xunit1.xml",
        "passed|tests.test_io|test_read|1|\n"
        "error|tests.test_io|test_write|1|def test_write():\n>       assert 0\n\nteardown: disk is full\n"
        "skipped|tests.test_io|test_seek|0|tests/test_io.py:15: no seek\n");
}

static void surefire_reports_are_read(void)
{
    check_sample("surefire.xml", "passed|edu.example.StackTest|pushes|1234500|\n"
                                 "failed|edu.example.StackTest|pops|21|org.opentest4j.AssertionFailedError: "
                                 "expected: <1> but was: <2>\n"
                                 "\tat edu.example.StackTest.pops(StackTest.java:21)\n\n"
                                 "skipped|edu.example.StackTest|peeks|0|not in this lab\n"
                                 "error|edu.example.StackTest|overflows|3|boom\n"
                                 "passed|edu.example.StackTest|flickers|400|\n"
                                 "failed|edu.example.StackTest|fails_again|500|first text\n");
}

static void gtest_reports_are_read(void)
{
    check_sample("gtest.xml",
                 "passed|Queue|StartsEmpty|1|\n"
                 "failed|Queue|Dequeues|2|queue_test.cc:14\nExpected equality of these values:\n  q.pop()\n"
                 "    Which is: 2\n  1\n\nqueue_test.cc:15\nValue of: q.empty()\n"
                 "skipped|Queue|DISABLED_Grows|0|\n"
                 "skipped|Queue|Shrinks|0|queue_test.cc:26\nno memory\n"
                 "passed|Queue/0|Typed|12500|\n");
}

static void ctest_reports_are_read(void)
{
    check_sample("ctest.xml", "passed|unit|unit|27|\n"
                              "failed|memory|memory|1900|Failed\n"
                              "skipped|slow|slow|0|\n"
                              "skipped|gpu|gpu|0|SKIP_RETURN_CODE=77\n");
}

static void nextest_reports_are_read(void)
{
    check_sample("nextest.xml",
                 "passed|shell::parser|tests::quotes|4|\n"
                 "failed|shell::parser|tests::pipes|12|thread 'tests::pipes' panicked at src/parser.rs:88:\n"
                 "assertion `left == right` failed\n"
                 "passed|shell::parser|tests::timing|200|\n"
                 "error|shell::parser|tests::abort|30|\n");
}

static void go_reports_are_read(void)
{
    check_sample("go.xml",
                 "passed|example.org/lab/list|TestInsert|0|\n"
                 "failed|example.org/lab/list|TestRemove/empty|1|    list_test.go:17: got 1, want 0\n"
                 "skipped|example.org/lab/list|TestSort|0|    list_test.go:30: later\n"
                 "error|example.org/lab/tree|[build failed]|0|tree.go:3:1: syntax error\n");
}

static void suites_nest_in_any_way(void)
{
    CHECK_REPORT("<testsuites/>", "");
    CHECK_REPORT("<testsuite><testcase name='a'/></testsuite>", "passed||a|0|\n");
    CHECK_REPORT("<testsuites><testcase name='a'/><testsuite><testcase name='b'/><testsuite><testsuite>"
                 "<testcase name='c'/></testsuite></testsuite><testcase name='d'/></testsuite>"
                 "<testsuite/><testsuite><testcase/></testsuite></testsuites>",
                 "passed||a|0|\npassed||b|0|\npassed||c|0|\npassed||d|0|\npassed|||0|\n");
    CHECK_CASES("<group><testcase name='a'><failure>f</failure></testcase></group>", "failed||a|0|f\n");
}

static void the_worst_of_several_outcomes_counts(void)
{
    CHECK_CASES("<testcase name='a'><skipped>s</skipped><failure>f</failure><error>e</error></testcase>",
                "error||a|0|s\n\nf\n\ne\n");
    CHECK_CASES("<testcase name='a'><error>e</error><failure>f</failure><skipped/></testcase>",
                "error||a|0|e\n\nf\n");
    CHECK_CASES("<testcase name='a'><skipped type='pytest.xfail'>x</skipped><skipped>s</skipped></testcase>",
                "skipped||a|0|expected failure: x\n\ns\n");
    CHECK_CASES("<testcase name='a'><failure>1</failure><failure message='2'/><failure/><failure>3</failure>"
                "</testcase>",
                "failed||a|0|1\n2\n3\n");
    CHECK_CASES("<testcase name='a'><failure/><error message='e'/></testcase>", "error||a|0|e\n");
    CHECK_CASES("<testcase name='a'><failure>f</failure><skipped type='pytest.xfail'/></testcase>",
                "failed||a|0|f\n\nexpected failure\n");
}

static void a_teardown_error_joins_its_failure(void)
{
#define FAILED "<testcase classname='c' name='a' time='1'><failure>f</failure></testcase>"
#define BROKEN "<testcase classname='c' name='a' time='2'><error>e</error></testcase>"
    CHECK_CASES(FAILED BROKEN, "error|c|a|3000|f\n\ne\n");
    CHECK_CASES(FAILED BROKEN FAILED, "error|c|a|3000|f\n\ne\nfailed|c|a|1000|f\n");
    CHECK_CASES(FAILED "<testcase classname='c' name='a'><error/></testcase>", "error|c|a|1000|f\n");
    CHECK_CASES("<testcase classname='c' name='a'><failure/></testcase>" BROKEN, "error|c|a|2000|e\n");
    /* any other case of the same name is separate */
    CHECK_CASES(BROKEN FAILED, "error|c|a|2000|e\nfailed|c|a|1000|f\n");
    CHECK_CASES(FAILED FAILED, "failed|c|a|1000|f\nfailed|c|a|1000|f\n");
    CHECK_CASES(FAILED "<testcase classname='c' name='b'/>" BROKEN,
                "failed|c|a|1000|f\npassed|c|b|0|\nerror|c|a|2000|e\n");
    CHECK_CASES(FAILED "<testcase classname='d' name='a'><error/></testcase>",
                "failed|c|a|1000|f\nerror|d|a|0|\n");
}

static void attributes_tell_what_did_not_run(void)
{
    CHECK_CASES("<testcase name='a' status='notrun'/><testcase name='b' status='disabled'/>"
                "<testcase name='c' status='skipped'/><testcase name='d' result='suppressed'/>"
                "<testcase name='e' status='run' result='skipped'/>",
                "skipped||a|0|\nskipped||b|0|\nskipped||c|0|\nskipped||d|0|\nskipped||e|0|\n");
    CHECK_CASES("<testcase name='a' status='run' result='completed'/><testcase name='b' status='passed'/>",
                "passed||a|0|\npassed||b|0|\n");
    CHECK_CASES("<testcase name='a' status='fail'/><testcase name='b' status='failed'/>"
                "<testcase name='c' status='error'/><testcase name='d' status='notrun'><failure/></testcase>",
                "failed||a|0|\nfailed||b|0|\nerror||c|0|\nfailed||d|0|\n");
}

static void the_message_stands_in_for_a_missing_text(void)
{
    CHECK_CASES("<testcase name='a'><failure message='m'> \n\t\r </failure></testcase>", "failed||a|0|m\n");
    CHECK_CASES("<testcase name='a'><failure message='m'> \n x</failure></testcase>", "failed||a|0| \n x\n");
    CHECK_CASES("<testcase name='a'><failure message='m'><![CDATA[]]></failure></testcase>",
                "failed||a|0|m\n");
    CHECK_CASES("<testcase name='a'><failure message='m&#10;n'/></testcase>", "failed||a|0|m\nn\n");
    CHECK_CASES("<testcase name='a'><failure>t<![CDATA[<&>]]>&lt;&#x42f;</failure></testcase>",
                "failed||a|0|t<&><Я\n");
    CHECK_CASES("<testcase name='a'><failure>t<b>old</b><system-out>no</system-out>er</failure></testcase>",
                "failed||a|0|tolder\n");
    CHECK_CASES("<testcase name='a'><skipped type='pytest.xfail' message='m'>t</skipped></testcase>",
                "xfailed||a|0|expected failure: t\n");
}

static void only_outcomes_are_described(void)
{
    CHECK_CASES("<properties><property name='p'>x</property></properties>"
                "<testcase name='a'>loose text<system-out>o</system-out><properties><failure/></properties>"
                "<unknown>u</unknown></testcase><system-err>e</system-err>",
                "passed||a|0|\n");
    CHECK_CASES(
        "<testcase name='a'><flakyFailure message='m'>t<failure/></flakyFailure><flakyError/></testcase>",
        "passed||a|0|\n");
    CHECK_CASES("<testcase name='a'><rerunError>r</rerunError><error>e</error></testcase>", "error||a|0|e\n");
}

static void no_failure_is_overlooked(void)
{
    CHECK_CASES("<testcase name='a'/><error message='m'/><skipped/>",
                "passed||a|0|\nerror||(test suite)|0|m\n");
    CHECK_CASES("<failure>f</failure><testcase name='a'/>", "failed||(test suite)|0|f\npassed||a|0|\n");
    CHECK_CASES("<testcase name='a'><failure>o<error>u</error>t</failure></testcase>", "failed||a|0|out\n");
    CHECK_CASES("<testcase name='a'><x><failure>deep</failure></x></testcase>", "failed||a|0|deep\n");
}

static void encodings_of_expat_are_read(void)
{
    CHECK_REPORT("\xef\xbb\xbf<testsuite><testcase name='\xd1\x8f'/></testsuite>", "passed||я|0|\n");
    CHECK_REPORT("<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase name='\xe9'/></testsuite>",
                 "passed||é|0|\n");
    static const char text[] = "<testsuite><testcase name='\x01'/></testsuite>"; /* \x01 becomes U+042F */
    for (int big = 0; big < 2; big++) {
        struct buf b = BUF_INIT(0);
        buf_append(&b, big ? "\xfe\xff" : "\xff\xfe", 2);
        for (size_t i = 0; i < sizeof(text) - 1; i++) {
            char low = text[i] == '\x01' ? '\x2f' : text[i], high = text[i] == '\x01' ? '\x04' : '\0';
            buf_append(&b, big ? &high : &low, 1);
            buf_append(&b, big ? &low : &high, 1);
        }
        check_text(b.data, b.len, "passed||Я|0|\n");
        buf_done(&b);
    }
}

/* Expat accepts a lone surrogate; the output must be valid UTF-8 all the same. */
static void lone_surrogates_do_no_harm(void)
{
    static const char before[] = "<testsuite><testcase name='", after[] = "'/></testsuite>";
    static const unsigned char middles[][4] = {
        {0x00, 0xd8, 'x', 0}, {0x00, 0xdc, 'x', 0}, {0x00, 0xd8, 0x00, 0xd8}, {0xff, 0xdb, 0xff, 0xdf}};
    for (size_t m = 0; m < ARRAY_LEN(middles); m++) {
        struct buf b = BUF_INIT(0);
        buf_append(&b, "\xff\xfe", 2);
        for (size_t i = 0; i < sizeof(before) - 1; i++)
            buf_append(&b, (char[]){before[i], 0}, 2);
        buf_append(&b, middles[m], 4);
        for (size_t i = 0; i < sizeof(after) - 1; i++)
            buf_append(&b, (char[]){after[i], 0}, 2);
        CLEANUP(report_done) struct report report = {0};
        struct err err;
        if (parse(b.data, b.len, &report, &err) == 0)
            CHECK(utf8_is_valid(report.cases[0].name, strlen(report.cases[0].name)));
        buf_done(&b);
    }
}

static void pieces_of_any_size_give_the_same(void)
{
    for (size_t s = 0; s < ARRAY_LEN(samples); s++) {
        size_t len;
        CLEANUP(mem_freep) char *text = read_sample(samples[s], &len);
        CLEANUP(mem_freep) char *want = NULL;
        for (size_t piece = len; piece > 0; piece = piece > 16 ? piece / 2 : piece - 1) {
            CLEANUP(report_done) struct report report = {0};
            struct err err;
            CHECK_INT(parse_pieces(&junit_default_limits, text, len, piece, &report, &err), 0);
            CLEANUP(mem_freep) char *got = dump(&report);
            if (!want)
                want = TAKE_PTR(got);
            else
                CHECK_STR(got, want);
        }
    }
}

TEST_MAIN(TEST(pytest_reports_are_read), TEST(surefire_reports_are_read), TEST(gtest_reports_are_read),
          TEST(ctest_reports_are_read), TEST(nextest_reports_are_read), TEST(go_reports_are_read),
          TEST(suites_nest_in_any_way), TEST(the_worst_of_several_outcomes_counts),
          TEST(a_teardown_error_joins_its_failure), TEST(attributes_tell_what_did_not_run),
          TEST(the_message_stands_in_for_a_missing_text), TEST(only_outcomes_are_described),
          TEST(no_failure_is_overlooked), TEST(encodings_of_expat_are_read), TEST(lone_surrogates_do_no_harm),
          TEST(pieces_of_any_size_give_the_same))
