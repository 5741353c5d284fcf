/*
 * Measures the JUnit parser against expat alone:
 *
 *   junit-bench generate FILE CASES BYTES    write a report of about that size
 *   junit-bench expat FILE                   expat with handlers that only count
 *   junit-bench parse FILE                   the runner's parser
 *
 * The latter two print "<MB/s> <peak resident KiB>".
 */

#include "model/junit.h"

#include <errno.h>
#include <expat.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHUNK_BYTES (64U << 10)

#define FAIL_EVERY 4 /* one of this many cases failed, with a description */

static int fail(const char *what)
{
    fprintf(stderr, "junit-bench: %s\n", what);
    return 1;
}

static void write_failure(FILE *out, unsigned long bytes)
{
    static const char line[] = "&gt;       assert run(&quot;./program&quot;).stdout == &quot;42\\n&quot;\n"
                               "E       AssertionError: assert '41\\n' == '42\\n'\n\n";
    fputs("<failure message=\"AssertionError: assert '41' == '42'\">def test_output(program):\n", out);
    for (unsigned long n = 0; n + sizeof(line) <= bytes; n += sizeof(line) - 1)
        fputs(line, out);
    fputs("</failure>", out);
}

static int generate(const char *path, unsigned long cases, unsigned long bytes)
{
    FILE *out = fopen(path, "we");
    if (!out || cases == 0)
        return fail("cannot write this");
    fputs("<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites><testsuite name=\"pytest\">", out);
    for (unsigned long i = 0; i < cases; i++) {
        long at = ftell(out);
        fprintf(out,
                "<testcase classname=\"tests.lab%lu.test_module%lu\" name=\"test_function[%lu]\" "
                "time=\"0.%03lu\"",
                i % 7, i % 100, i, i % 1000);
        if (i % FAIL_EVERY != 0) {
            fputs(" />", out);
            continue;
        }
        fputc('>', out);
        unsigned long goal =
            (unsigned long)((double)bytes / (double)cases * (double)MIN(i + FAIL_EVERY, cases));
        write_failure(out, goal > (unsigned long)at ? goal - (unsigned long)at : 0);
        fputs("</testcase>", out);
    }
    fputs("</testsuite></testsuites>\n", out);
    return fclose(out) == 0 ? 0 : fail("cannot write this");
}

struct counts {
    unsigned long elements;
    unsigned long ends;
    unsigned long text_bytes;
};

static void count_start(void *data, const XML_Char *name, const XML_Char **pairs)
{
    ((struct counts *)data)->elements++;
}

static void count_end(void *data, const XML_Char *name)
{
    ((struct counts *)data)->ends++;
}

static void count_text(void *data, const XML_Char *s, int len)
{
    ((struct counts *)data)->text_bytes += (unsigned)len;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One run: from the first byte to the complete result, without freeing memory. */
struct run {
    FILE *in;
    size_t bytes;
    double start_s;
    double end_s;
};

static int read_with_expat(struct run *run)
{
    struct counts counts = {0};
    XML_Parser parser = XML_ParserCreate(NULL);
    XML_SetUserData(parser, &counts);
    XML_SetElementHandler(parser, count_start, count_end);
    XML_SetCharacterDataHandler(parser, count_text);
    static char chunk[CHUNK_BYTES];
    enum XML_Status status = XML_STATUS_OK;
    for (size_t n; status == XML_STATUS_OK && (n = fread(chunk, 1, sizeof(chunk), run->in)) > 0;
         run->bytes += n)
        status = XML_Parse(parser, chunk, (int)n, XML_FALSE);
    if (status == XML_STATUS_OK)
        status = XML_Parse(parser, "", 0, XML_TRUE);
    run->end_s = now_s();
    XML_ParserFree(parser);
    return status == XML_STATUS_OK && counts.elements == counts.ends ? 0 : fail("not well-formed");
}

static int read_with_junit(struct run *run)
{
    struct junit *j = junit_new(&junit_default_limits);
    struct report report = {0};
    struct err err = {0};
    static char chunk[CHUNK_BYTES];
    int r = 0;
    for (size_t n; r == 0 && (n = fread(chunk, 1, sizeof(chunk), run->in)) > 0; run->bytes += n)
        r = junit_feed(j, chunk, n, &err);
    if (r == 0)
        r = junit_finish(j, &report, &err);
    run->end_s = now_s();
    junit_free(j);
    report_done(&report);
    return r == 0 ? 0 : fail(err.message);
}

/* Returns the peak of this program; getrusage(2) would start with the size of its parent. */
static long peak_kib(void)
{
    FILE *in = fopen("/proc/self/status", "re");
    char line[256];
    long kib = 0;
    while (in && fgets(line, sizeof(line), in))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (in)
        fclose(in);
    return kib;
}

static int measure(const char *path, int (*read_all)(struct run *run))
{
    struct run run = {.in = fopen(path, "re")};
    if (!run.in)
        return fail(strerror(errno));
    run.start_s = now_s();
    int r = read_all(&run);
    fclose(run.in);
    if (r == 0)
        printf("%.1f %ld\n", (double)run.bytes / 1e6 / (run.end_s - run.start_s), peak_kib());
    return r;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "generate") == 0)
        return generate(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "expat") == 0)
        return measure(argv[2], read_with_expat);
    if (argc == 3 && strcmp(argv[1], "parse") == 0)
        return measure(argv[2], read_with_junit);
    fputs("usage: junit-bench generate FILE CASES BYTES | expat FILE | parse FILE\n", stderr);
    return 2;
}
