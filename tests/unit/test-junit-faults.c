#include "reports.h"

static void check_refused(const struct junit_limits *limits, const char *text, size_t len, int code,
                          enum err_class class, const char *want)
{
    struct report untouched = {.len = 12345};
    struct err err = {0};
    CHECK_INT(parse_pieces(limits, text, len, len + 1, &untouched, &err), -code);
    CHECK_STR(err.message, want);
    CHECK_INT(err.class, class);
    CHECK_INT(untouched.len, 12345);
    struct err again = {0};
    CHECK_INT(parse_pieces(limits, text, len, 1, &untouched, &again), -code);
    CHECK_STR(again.message, want);
}

#define CHECK_DAMAGED(text, want) \
    check_refused(&junit_default_limits, text, sizeof(text) - 1, EINVAL, ERR_TASK, want)

static void what_is_no_report_is_refused(void)
{
    CHECK_DAMAGED("", "The report is empty");
    CHECK_DAMAGED("hello\n", "The report is not XML: line 1: syntax error");
    CHECK_DAMAGED("{\"tests\": []}", "The report is not XML: line 1: not well-formed (invalid token)");
    CHECK_DAMAGED("\x7f"
                  "ELF\x02\x01",
                  "The report is not XML: line 1 has the byte 0x7f, which is not valid there");
    CHECK_DAMAGED(
        "<html><body/></html>",
        "The report is not in JUnit's format: it begins with <html>, not <testsuites> or <testsuite>");
    CHECK_DAMAGED(
        "<testcase name='a'/>",
        "The report is not in JUnit's format: it begins with <testcase>, not <testsuites> or <testsuite>");
    CHECK_DAMAGED(
        "<яяяяяяяяяяяяяяяяяяяяяяяяяяяяяя/>",
        "The report is not in JUnit's format: it begins with <яяяяяяяяяяяяяяяяяяяя>, not <testsuites> or "
        "<testsuite>");
    /* iconv knows some of these, but not as single-byte encodings, or with a suffix. */
    static const char *const encodings[] = {"KLINGON",
                                            "Shift_JIS",
                                            "ISO-2022-JP",
                                            "UTF-7",
                                            "IBM037",
                                            "KOI8-R--TRANSLIT",
                                            "cp1251......................................"};
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        CLEANUP(mem_freep)
        char *text = mem_printf("<?xml version='1.0' encoding='%s'?><testsuite/>", encodings[i]);
        check_refused(&junit_default_limits, text, strlen(text), EINVAL, ERR_TASK,
                      "The report is not XML: line 1: unknown encoding");
    }
    CHECK_DAMAGED(
        "<?xml version='1.0' encoding='windows-1251'?>\n<testsuite><testcase name='\x98'/></testsuite>",
        "The report is damaged: line 2 has the byte 0x98, which is not valid there");
}

static void damaged_reports_are_refused(void)
{
    CHECK_DAMAGED("<testsuite>\n\n<testcase name='\xff'/></testsuite>",
                  "The report is damaged: line 3 has the byte 0xff, which is not valid there");
    CHECK_DAMAGED("<testsuite><testcase name='a'><failure>\xed\xa0\x80</failure></testcase></testsuite>",
                  "The report is damaged: line 1 has the byte 0xed, which is not valid there");
    CHECK_DAMAGED("<testsuite>\n<testcase><failure>\x1b[31m</failure></testcase></testsuite>",
                  "The report is damaged: line 2 has the byte 0x1b, which is not valid there");
    CHECK_DAMAGED("<testsuite>\0</testsuite>",
                  "The report is damaged: line 1 has the byte 0x00, which is not valid there");
    CHECK_DAMAGED("<testsuite>\n&#27;</testsuite>",
                  "The report is damaged: line 2: reference to invalid character number");
    CHECK_DAMAGED("<testsuite>&nbsp;</testsuite>", "The report is damaged: line 1: undefined entity");
    CHECK_DAMAGED("<testsuite><testcase></testsuite>", "The report is damaged: line 1: mismatched tag");
    CHECK_DAMAGED("<testsuite><testcase name='a' name='b'/></testsuite>",
                  "The report is damaged: line 1: duplicate attribute");
    CHECK_DAMAGED("<testsuite/>\n<testsuite/>", "The report is damaged: line 2: junk after document element");
    CHECK_DAMAGED("<testsuite/>\nall tests passed",
                  "The report is damaged: line 2: junk after document element");
}

static void unfinished_reports_are_refused(void)
{
    CHECK_DAMAGED("<testsuite>\n<testcase name='a'/>\n",
                  "The report ends too early, in line 3: it was not written to its end");
    CHECK_DAMAGED("<testsuite><testcase name='a",
                  "The report ends too early, in line 1: it was not written to its end");
    CHECK_DAMAGED("<testsuite><![CDATA[x",
                  "The report ends too early, in line 1: it was not written to its end");
    CHECK_DAMAGED("<?xml version='1.0'?>\n",
                  "The report ends too early, in line 2: it was not written to its end");
    CHECK_DAMAGED(" \n", "The report ends too early, in line 2: it was not written to its end");
    CHECK_DAMAGED("\xef\xbb\xbf", "The report ends too early, in line 1: it was not written to its end");
}

static void a_case_in_a_case_is_refused(void)
{
    CHECK_DAMAGED("<testsuite>\n<testcase name='a'>\n<testcase name='b'/></testcase></testsuite>",
                  "The report is damaged: line 3 has a test case inside a test case");
}

static void every_truncation_is_noticed(void)
{
    for (size_t s = 0; s < ARRAY_LEN(samples); s++) {
        size_t len;
        CLEANUP(mem_freep) char *text = read_sample(samples[s], &len);
        while (text[len - 1] != '>')
            len--;
        for (size_t cut = 0; cut < len; cut++) {
            struct report report;
            struct err err = {0};
            if (parse(text, cut, &report, &err) != -EINVAL || err.class != ERR_TASK)
                TEST_FAIL("%s is not refused when cut at %zu", samples[s], cut);
            CHECK_CONTAINS(err.message, cut ? "The report ends too early" : "The report is empty");
        }
    }
}

static void a_doctype_is_refused(void)
{
    static const char want[] = "The report has a DOCTYPE, which is not allowed";
    CHECK_DAMAGED("<!DOCTYPE testsuite><testsuite/>", want);
    CHECK_DAMAGED("<!DOCTYPE testsuite SYSTEM 'file:///etc/passwd'><testsuite/>", want);
    CHECK_DAMAGED("<!DOCTYPE testsuite [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><testsuite>&a;</testsuite>",
                  want);
    CHECK_DAMAGED("<?xml version='1.0'?><!DOCTYPE testsuite [<!ENTITY a 'hahahahaha'>"
                  "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>"
                  "<!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'><!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'>"
                  "<!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'><!ENTITY g '&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;'>"
                  "]><testsuite><testcase name='&g;'/></testsuite>",
                  want);
}

static void a_fault_stays(void)
{
    struct junit_limits limits = junit_default_limits;
    limits.bytes = 10;
    struct junit *j = junit_new(&limits);
    struct report report = {.len = 7};
    struct err err = {0};
    CHECK_INT(junit_feed(j, "<a/>", 4, &err), -EINVAL);
    CHECK_INT(junit_feed(j, "<testsuite/>", 12, &err), -EINVAL);
    CHECK_CONTAINS(err.message, "not in JUnit's format");
    CHECK_INT(junit_finish(j, &report, NULL), -EINVAL);
    CHECK_INT(report.len, 7);
    junit_free(j);
    junit_free(NULL);
}

static void an_unfinished_parser_can_be_freed(void)
{
    struct junit *j = junit_new(&junit_default_limits);
    CHECK_INT(junit_feed(j, "<testsuite><testcase name='a'><failure>x", 40, NULL), 0);
    junit_free(j);
}

static void check_limit(struct junit_limits limits, const char *text, const char *want)
{
    size_t len = strlen(text);
    if (want) {
        check_refused(&limits, text, len, EFBIG, ERR_LIMIT, want);
        return;
    }
    CLEANUP(report_done) struct report report = {0};
    struct err err = {0};
    if (parse_pieces(&limits, text, len, len, &report, &err) != 0)
        TEST_FAIL("refused: %s", err.message);
}

static void limits_are_kept(void)
{
    static const char text[] =
        "<testsuite><testsuite><testcase/><testcase><failure/></testcase></testsuite></testsuite>";
    struct junit_limits limits = junit_default_limits;
    limits.bytes = sizeof(text) - 1;
    limits.cases = 2;
    limits.depth = 4;
    check_limit(limits, text, NULL);
    limits.depth = 3;
    check_limit(limits, text, "The report nests its elements more than 3 deep");
    limits.depth = 4;
    limits.cases = 1;
    check_limit(limits, text, "The report has more than 1 test cases");
    limits.cases = 2;
    limits.bytes--;
    check_limit(limits, text, "The report is larger than 87 bytes");
}

static void a_failure_outside_of_any_case_counts_as_a_case(void)
{
    struct junit_limits limits = junit_default_limits;
    limits.cases = 1;
    check_limit(limits, "<testsuite><error/></testsuite>", NULL);
    check_limit(limits, "<testsuite><testcase/><error/></testsuite>",
                "The report has more than 1 test cases");
    limits.cases = 0;
    check_limit(limits, "<testsuite><error>text</error></testsuite>",
                "The report has more than 0 test cases");
}

static void deep_nesting_is_stopped(void)
{
    struct buf b = BUF_INIT(0);
    for (int i = 0; i < 100000; i++)
        buf_puts(&b, "<testsuite>");
    check_limit(junit_default_limits, b.data, "The report nests its elements more than 64 deep");
    buf_done(&b);
}

static void names_are_cut_between_characters(void)
{
    struct junit_limits limits = junit_default_limits;
    limits.name_bytes = 5;
    static const char text[] = "<testsuite><testcase classname='12345' name='яяя'/></testsuite>";
    CLEANUP(report_done) struct report report = {0};
    CHECK_INT(parse_pieces(&limits, text, sizeof(text) - 1, 7, &report, NULL), 0);
    CHECK_STR(report.cases[0].classname, "12345");
    CHECK_STR(report.cases[0].name, "яя…");
}

/* Appends `before`, lines that state their offset up to `len` bytes, and `after`. */
static void add_long_case(struct buf *b, const char *before, size_t len, const char *after)
{
    buf_puts(b, before);
    for (size_t i = 0; i < len; i += 10) {
        char line[] = "         \n";
        size_t rest = i;
        for (char *digit = line + 8; digit == line + 8 || rest; rest /= 10)
            *digit-- = (char)('0' + rest % 10);
        buf_append(b, line, 10);
    }
    buf_puts(b, after);
}

static void long_descriptions_are_shortened(void)
{
    struct buf b = BUF_INIT(0);
    add_long_case(&b, "<testsuite><testcase><failure>", 3000000, "</failure></testcase>");
    add_long_case(&b, "<testcase><failure message='", 1000000, "'/></testcase></testsuite>");
    struct junit_limits limits = junit_default_limits;
    limits.description_bytes = 1000;
    CLEANUP(report_done) struct report report = {0};
    CHECK_INT(parse_pieces(&limits, b.data, b.len, 65536, &report, NULL), 0);
    buf_done(&b);
    const char *text = report.cases[0].description, *message = report.cases[1].description;
    CHECK(strncmp(text, "        0\n       10\n", 20) == 0);
    CHECK_CONTAINS(text, "…\n[... 2999001 bytes left out ...]\n…");
    CHECK_STR(text + strlen(text) - 20, "  2999980\n  2999990\n");
    CHECK(strncmp(message, "        0        10 ", 20) == 0); /* a line break in an attribute is a space */
    CHECK_CONTAINS(message, "…\n[... 999001 bytes left out ...]\n…");
    CHECK_STR(message + strlen(message) - 11, "    999990 ");
}

static void later_descriptions_are_short(void)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "<testsuite>");
    for (int i = 0; i < 5; i++)
        add_long_case(&b, "<testcase><failure>", 1000, "</failure></testcase>");
    buf_puts(&b, "<testcase><failure>short</failure></testcase></testsuite>");
    struct junit_limits limits = junit_default_limits;
    limits.total_description_bytes = 2500;
    CLEANUP(report_done) struct report report = {0};
    CHECK_INT(parse_pieces(&limits, b.data, b.len, 1000, &report, NULL), 0);
    buf_done(&b);
    CHECK_INT(strlen(report.cases[2].description), 1000);
    CLEANUP(mem_freep)
    char *want = report_shorten(report.cases[2].description, 1000, JUNIT_LATE_DESCRIPTION_BYTES);
    CHECK_STR(report.cases[3].description, want);
    CHECK_STR(report.cases[4].description, want);
    CHECK_STR(report.cases[5].description, "short");
}

static void joined_descriptions_count_once(void)
{
    struct buf b = BUF_INIT(0);
    add_long_case(&b, "<testsuite><testcase><failure>", 1000, "</failure></testcase>");
    buf_puts(&b, "<testcase><error>teardown</error></testcase>");
    add_long_case(&b, "<testcase><failure>", 1000, "</failure></testcase></testsuite>");
    struct junit_limits limits = junit_default_limits;
    limits.total_description_bytes = 1500;
    CLEANUP(report_done) struct report report = {0};
    CHECK_INT(parse_pieces(&limits, b.data, b.len, 1000, &report, NULL), 0);
    buf_done(&b);
    CHECK_INT(report.len, 2);
    CHECK_INT(strlen(report.cases[0].description), 1010);
    CHECK_INT(strlen(report.cases[1].description), 1000);
}

/* Far more small elements than the limit of one element: only unfinished ones count. */
static void only_one_tag_must_be_small(void)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "<testsuite>");
    while (b.len < 3 * (size_t)JUNIT_MAX_MARKUP_BYTES)
        add_long_case(&b, "<testcase name='x'/><system-out>", 200000, "</system-out>");
    buf_puts(&b, "</testsuite>");
    check_limit(junit_default_limits, b.data, NULL);
    buf_done(&b);
}

static void check_huge_markup(const char *before, const char *after)
{
    struct buf b = BUF_INIT(0);
    add_long_case(&b, before, JUNIT_MAX_MARKUP_BYTES - 1000, after);
    check_limit(junit_default_limits, b.data, NULL);
    buf_clear(&b);
    add_long_case(&b, before, 2 * JUNIT_MAX_MARKUP_BYTES + 200000, after);
    struct report report;
    struct err err = {0};
    CHECK_INT(parse(b.data, b.len, &report, &err), -EFBIG);
    CHECK_STR(err.message, "The report has a tag or comment of more than 8388608 bytes");
    CHECK_INT(err.class, ERR_LIMIT);
    buf_done(&b);
}

static void huge_markup_is_refused(void)
{
    check_huge_markup("<testsuite><testcase name='", "'/></testsuite>");
    check_huge_markup("<testsuite><!--", "--></testsuite>");
    check_huge_markup("<!--", "--><testsuite/>");
    check_huge_markup("<testsuite/><?pi ", "?>");
}

static void too_many_different_names_are_refused(void)
{
    static const char want[] = "The report has more than 1000 different names of elements and attributes";
    struct buf elements = BUF_INIT(0), attributes = BUF_INIT(0);
    buf_puts(&elements, "<testsuite>");
    buf_puts(&attributes, "<testsuite");
    for (int i = 0; i < JUNIT_MAX_DIFFERENT_NAMES; i++) {
        buf_printf(&elements, "<system-out><e%d/></system-out><e%d/>", i, i);
        buf_printf(&attributes, " a%d=''", i);
    }
    for (int more = 0; more < 2; more++) {
        CLEANUP(mem_freep) char *e = mem_printf("%s%s</testsuite>", elements.data, more ? "<more/>" : "");
        CLEANUP(mem_freep) char *a = mem_printf("%s%s/>", attributes.data, more ? " more=''" : "");
        check_limit(junit_default_limits, e, more ? want : NULL);
        check_limit(junit_default_limits, a, more ? want : NULL);
    }
    buf_done(&elements);
    buf_done(&attributes);
}

/* More names than the table holds, in one tag and in many. */
static void any_number_of_different_names_is_refused(void)
{
    static const char want[] = "The report has more than 1000 different names of elements and attributes";
    struct buf elements = BUF_INIT(0), attributes = BUF_INIT(0);
    buf_puts(&elements, "<testsuite>");
    buf_puts(&attributes, "<testsuite");
    for (int i = 0; i < 5 * JUNIT_MAX_DIFFERENT_NAMES; i++) {
        buf_printf(&elements, "<e%d/>", i);
        buf_printf(&attributes, " a%d=''", i);
    }
    buf_puts(&elements, "</testsuite>");
    buf_puts(&attributes, "/>");
    check_limit(junit_default_limits, elements.data, want);
    check_limit(junit_default_limits, attributes.data, want);
    buf_done(&elements);
    buf_done(&attributes);
}

TEST_MAIN(TEST(what_is_no_report_is_refused), TEST(damaged_reports_are_refused),
          TEST(unfinished_reports_are_refused), TEST(a_case_in_a_case_is_refused),
          TEST(every_truncation_is_noticed), TEST(a_doctype_is_refused), TEST(a_fault_stays),
          TEST(an_unfinished_parser_can_be_freed), TEST(limits_are_kept),
          TEST(a_failure_outside_of_any_case_counts_as_a_case), TEST(deep_nesting_is_stopped),
          TEST(names_are_cut_between_characters), TEST(long_descriptions_are_shortened),
          TEST(later_descriptions_are_short), TEST(joined_descriptions_count_once),
          TEST(only_one_tag_must_be_small), TEST(huge_markup_is_refused),
          TEST(too_many_different_names_are_refused), TEST(any_number_of_different_names_is_refused))
