#include "model/page_tests.h"

#include "base/mem.h"

#include <string.h>

#define NAME_MAX_BYTES    300
#define SUMMARY_MAX_BYTES 200
#define LINE_MAX_BYTES    4000
#define OPEN_AT_FIRST     20 /* nobody reads more texts than these */
#define BAR_STEPS         20

struct status {
    const char *word, *mark, *class;
    int rank; /* lower ranks come first */
};

static const struct status statuses[] = {
    [REPORT_PASSED] = {"passed", "✓", "passed", 2},
    [REPORT_FAILED] = {"failed", "✗", "failed", 0},
    [REPORT_ERROR] = {"error", "!", "error", 0},
    [REPORT_SKIPPED] = {"skipped", "–", "skipped", 1},
    [REPORT_XFAILED] = {"expected failure", "✓", "xfailed", 2},
};
#define LAST_RANK 2

/* The maximum of each column, which gets the full bar. */
struct scale {
    uint64_t ms, memory_bytes, cpu_us;
};

struct table {
    struct html *h;
    struct scale scale;
    size_t rows, opened;
};

void page_tests_count(const struct result *result, struct page_counts *ret_counts)
{
    *ret_counts = (struct page_counts){0};
    for (size_t i = 0; i < result->tests_len; i++)
        ret_counts->of[result->tests[i].status]++;
}

/* ---- a row ---- */

static void put_bar(struct html *h, uint64_t value, uint64_t greatest)
{
    double share = greatest ? (double)value / (double)greatest : 0;
    int step = (int)(share * BAR_STEPS + 0.999);
    html_putf(h, "<span class=\"bar w%d\" aria-hidden=\"true\"></span></td>", MIN(step, BAR_STEPS));
}

static void put_numbers(const struct table *t, const struct result_test *test)
{
    struct html *h = t->h;
    html_put(h, "<td class=\"num\">");
    html_duration(h, test->duration_ms);
    put_bar(h, (uint64_t)MAX(test->duration_ms, 0), t->scale.ms);
    html_put(h, "<td class=\"num\">");
    if (test->memory_bytes)
        html_size(h, test->memory_bytes);
    else
        html_put(h, "–");
    put_bar(h, test->memory_bytes, t->scale.memory_bytes);
    html_put(h, "<td class=\"num\">");
    if (test->cpu_us > 0)
        html_duration(h, test->cpu_us / 1000);
    else
        html_put(h, "–");
    put_bar(h, (uint64_t)MAX(test->cpu_us, 0), t->scale.cpu_us);
}

static const char *skip_blank(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* Writes the most informative line: the one that pytest marks with an E, else the first. */
static void put_first_line(struct html *h, const char *text)
{
    const char *line = report_after_place(skip_blank(text));
    for (const char *p = text; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (p[0] == 'E' && (p[1] == ' ' || p[1] == '\t') && *skip_blank(p + 1)) {
            line = skip_blank(p + 1);
            break;
        }
    }
    CLEANUP(mem_freep) char *first = mem_strndup(line, strcspn(line, "\r\n"));
    html_put(h, "<bdi>");
    html_short(h, first, SUMMARY_MAX_BYTES);
    html_put(h, "</bdi>");
}

static void put_text(struct table *t, const struct result_test *test)
{
    bool opens = statuses[test->status].rank == 0 && ++t->opened <= OPEN_AT_FIRST;
    html_put(t->h, "<tr class=\"more\"><td></td><td colspan=\"4\"><details");
    html_put(t->h, opens ? " open><summary>" : "><summary>");
    put_first_line(t->h, test->description);
    html_put(t->h, "</summary><pre dir=\"auto\">");
    html_lines(t->h, test->description, strlen(test->description), LINE_MAX_BYTES);
    html_put(t->h, "</pre></details></td></tr>");
}

static void put_test(struct table *t, const struct result_test *test)
{
    const struct status *s = &statuses[test->status];
    struct html *h = t->h;
    html_putf(h, "<tbody class=\"test %s\">\n<tr><td class=\"status\"><span aria-hidden=\"true\">%s</span> ",
              s->class, s->mark);
    html_putf(h, "<span class=\"word\">%s</span></td><th scope=\"row\"><bdi>", s->word);
    html_short(h, test->name, NAME_MAX_BYTES);
    html_put(h, "</bdi></th>");
    put_numbers(t, test);
    html_put(h, "</tr>\n");
    if (test->description && *skip_blank(test->description))
        put_text(t, test);
    html_put(h, "</tbody>\n");
}

/* ---- all rows */

static void put_button(struct html *h, const struct status *s, size_t count)
{
    if (count)
        html_putf(h,
                  "<button type=\"button\" data-show=\"%s\" aria-pressed=\"false\">%s <b>%zu</b></button>\n",
                  s->class, s->word, count);
}

/* Hidden until the script, which they need, shows them. */
static void put_tools(struct html *h, const struct result *result, const struct page_counts *counts)
{
    static const enum report_status order[] = {REPORT_FAILED, REPORT_ERROR, REPORT_SKIPPED, REPORT_XFAILED,
                                               REPORT_PASSED};
    html_put(h, "<div class=\"tools\" id=\"tools\" hidden>\n<div role=\"group\" aria-label=\"Show tests\">");
    html_putf(h, "<button type=\"button\" data-show=\"\" aria-pressed=\"true\">all <b>%zu</b></button>\n",
              result->tests_len);
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        put_button(h, &statuses[order[i]], counts->of[order[i]]);
    html_put(h,
             "</div>\n<button type=\"button\" id=\"unfold\">unfold all</button>\n"
             "<label for=\"search\">Search</label><input id=\"search\" type=\"search\" autocomplete=\"off\" "
             "aria-keyshortcuts=\"/\" placeholder=\"/\">\n"
             "<p id=\"count\" role=\"status\"></p>\n</div>\n");
}

static void measure(const struct result *result, struct scale *ret_scale)
{
    struct scale s = {0};
    for (size_t i = 0; i < result->tests_len; i++) {
        const struct result_test *t = &result->tests[i];
        s.ms = MAX(s.ms, (uint64_t)MAX(t->duration_ms, 0));
        s.memory_bytes = MAX(s.memory_bytes, t->memory_bytes);
        s.cpu_us = MAX(s.cpu_us, (uint64_t)MAX(t->cpu_us, 0));
    }
    *ret_scale = s;
}

/* Writes the rows in the order of ranks, within the limits. Counts the tests that were left out. */
static void put_rows(struct table *t, const struct result *result, size_t max_rows, uint64_t max_bytes,
                     struct page_counts *ret_left_out)
{
    *ret_left_out = (struct page_counts){0};
    uint64_t end_bytes = t->h->written_bytes + max_bytes;
    for (int rank = 0; rank <= LAST_RANK; rank++) {
        for (size_t i = 0; i < result->tests_len; i++) {
            const struct result_test *test = &result->tests[i];
            if (statuses[test->status].rank != rank)
                continue;
            if (t->rows >= max_rows || t->h->written_bytes >= end_bytes) {
                ret_left_out->of[test->status]++;
                continue;
            }
            put_test(t, test);
            t->rows++;
        }
    }
}

static void put_left_out(struct html *h, size_t number, const struct page_counts *left_out)
{
    if (!number)
        return;
    html_putf(h, "<p class=\"cut\">%zu more tests are not listed:", number);
    const char *separator = " ";
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (!left_out->of[i])
            continue;
        html_putf(h, "%s%zu %s", separator, left_out->of[i], statuses[i].word);
        separator = ", ";
    }
    html_put(h, ".</p>\n");
}

void page_tests_write(struct html *h, const struct result *result, size_t max_rows, uint64_t max_bytes)
{
    struct table t = {.h = h};
    struct page_counts counts, left_out;
    page_tests_count(result, &counts);
    measure(result, &t.scale);
    put_tools(h, result, &counts);
    html_put(h,
             "<table class=\"tests\">\n<caption>Tests, those that did not pass first</caption>\n<thead><tr>"
             "<th scope=\"col\">Status</th><th scope=\"col\">Test</th><th scope=\"col\">Time</th>"
             "<th scope=\"col\">Memory</th><th scope=\"col\">CPU</th></tr></thead>\n");
    put_rows(&t, result, max_rows, max_bytes, &left_out);
    html_put(h, "</table>\n");
    put_left_out(h, result->tests_len - t.rows, &left_out);
}
