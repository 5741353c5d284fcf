#include "model/page.h"

#include "base/mem.h"
#include "model/html.h"
#include "model/page_tests.h"
#include "report.css.h"
#include "report.js.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DETAILS_MAX_BYTES 4096
#define FACT_MAX_BYTES    2048
#define LINE_MAX_BYTES    2000

/* Size limit of everything but the tests: both outputs, at worst, and the rest. */
#define OTHERS_MAX_BYTES (4 * PAGE_OUTPUT_BYTES * HTML_MAX_GROWTH + (1U << 20))
/* The last row is always written in full. */
#define ROW_MAX_BYTES   (1U << 20)
#define TESTS_MAX_BYTES (PAGE_MAX_BYTES - OTHERS_MAX_BYTES - ROW_MAX_BYTES)

void page_add(struct page *page, enum page_group group, const char *label, const char *fmt, ...)
{
    char *value;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&value, fmt, ap) < 0)
        abort();
    va_end(ap);
    page->facts = mem_resize(page->facts, page->facts_len + 1, sizeof(*page->facts));
    page->facts[page->facts_len++] = (struct page_fact){group, label, value};
}

void page_done(struct page *page)
{
    for (size_t i = 0; i < page->facts_len; i++)
        free(page->facts[i].value);
    free(page->facts);
    *page = (struct page){0};
}

/* ---- the verdict ---- */

struct verdict_words {
    const char *class, *mark, *words;
};

static const struct verdict_words *verdict_of(const struct result *r)
{
    static const struct verdict_words passed = {"passed", "✓", "Passed"},
                                      failed = {"failed", "✗", "Not passed"},
                                      untested = {"error", "!", "Could not be tested"},
                                      unjudged = {"error", "!", "Could not be judged"};
    return r->is_passed ? &passed : !r->is_error ? &failed : r->tests_len ? &unjudged : &untested;
}

static void put_verdict_counts(struct html *h, const struct result *r)
{
    size_t passed = 0;
    for (size_t i = 0; i < r->tests_len; i++)
        passed += r->tests[i].is_passed;
    if (!r->tests_len)
        return;
    html_put(h, "<p class=\"lead\">");
    html_putf(h, "%zu of %zu tests passed", passed, r->tests_len);
    html_put(h, " in ");
    html_duration(h, r->duration_ms);
    html_put(h, "</p>\n");
}

static void put_verdict(struct html *h, const struct page *page)
{
    const struct result *r = page->result;
    const struct verdict_words *v = verdict_of(r);
    html_putf(h, "<header class=\"verdict %s\">\n<span class=\"mark\" aria-hidden=\"true\">%s</span>\n<div>",
              v->class, v->mark);
    html_putf(h, "<h1>%s</h1>\n", v->words);
    put_verdict_counts(h, r);
    if (r->error_details && *r->error_details) {
        html_put(h, "<p class=\"details\"><bdi>");
        html_short(h, r->error_details, DETAILS_MAX_BYTES);
        html_put(h, "</bdi></p>\n");
    }
    html_put(h, "</div>\n</header>\n");
}

/* ---- facts ---- */

static void put_fact(struct html *h, const char *label, const char *value)
{
    html_putf(h, "<div><dt>%s</dt><dd><bdi>", label);
    html_short(h, value, FACT_MAX_BYTES);
    html_put(h, "</bdi></dd></div>\n");
}

static void put_facts(struct html *h, const struct page *page, enum page_group group)
{
    for (size_t i = 0; i < page->facts_len; i++)
        if (page->facts[i].group == group)
            put_fact(h, page->facts[i].label, page->facts[i].value);
}

static void put_group(struct html *h, const struct page *page, enum page_group group, const char *title)
{
    size_t count = 0;
    for (size_t i = 0; i < page->facts_len; i++)
        count += page->facts[i].group == group;
    if (!count)
        return;
    html_putf(h, "<section class=\"card\"><h2>%s</h2>\n<dl>\n", title);
    put_facts(h, page, group);
    html_put(h, "</dl></section>\n");
}

/* Writes the id without quotes. */
static void put_id(struct html *h, const struct summary *s)
{
    const char *id = s->id_json ? s->id_json : "";
    size_t quoted = *id == '"';
    html_text(h, id + quoted, strlen(id) - 2 * quoted);
}

static void put_finished(struct html *h, const struct summary *s)
{
    char text[64];
    time_t when = (time_t)s->finished_s;
    struct tm tm;
    if (!s->finished_s || !gmtime_r(&when, &tm) ||
        !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
        return;
    put_fact(h, "Finished", text);
}

static void put_task(struct html *h, const struct page *page)
{
    const struct summary *s = page->summary;
    html_put(h, "<section class=\"card\"><h2>Task</h2>\n<dl>\n");
    if (!page->is_directory) {
        html_put(h, "<div><dt>Task</dt><dd><bdi>");
        put_id(h, s);
        html_put(h, "</bdi></dd></div>\n");
    }
    if (s->repository && *s->repository)
        put_fact(h, page->is_directory ? "Directory" : "Repository", s->repository);
    bool is_fetched = s->commit && *s->commit;
    if (s->branch || is_fetched)
        put_fact(h, "Branch", s->branch ? s->branch : "(the default branch)");
    if (is_fetched)
        put_fact(h, "Commit", s->commit);
    put_facts(h, page, PAGE_TASK);
    put_finished(h, s);
    html_put(h, "</dl></section>\n");
}

/* ---- stages ---- */

static void put_stages(struct html *h, const struct summary *s)
{
    static const char *const words[] = {[SUMMARY_FETCH] = "fetching repository and suite",
                                        [SUMMARY_PREPARE] = "preparing",
                                        [SUMMARY_TEST] = "testing",
                                        [SUMMARY_JUDGE] = "judging"};
    int64_t sum = 0;
    for (size_t i = 0; i < SUMMARY_STAGES; i++)
        sum += s->stages_ms[i];
    if (!sum)
        return;
    html_put(h, "<section class=\"card\"><h2>Time</h2>\n<table class=\"stages\"><tbody>\n");
    for (size_t i = 0; i < SUMMARY_STAGES; i++) {
        html_putf(h, "<tr><th scope=\"row\">%s</th><td class=\"num\">", words[i]);
        html_duration(h, s->stages_ms[i]);
        html_putf(h, "<span class=\"bar w%d\" aria-hidden=\"true\"></span></td></tr>\n",
                  (int)((s->stages_ms[i] * 20 + sum - 1) / sum));
    }
    html_put(h, "</tbody></table></section>\n");
}

/* ---- output of the tests */

static void put_part(struct html *h, const char *text, size_t len)
{
    html_put(h, "<pre dir=\"auto\">");
    html_lines(h, text, len, LINE_MAX_BYTES);
    html_put(h, "</pre>\n");
}

static void put_output(struct html *h, const char *title, const struct page_output *o, bool opens)
{
    uint64_t all = o->head_len + o->left_out_bytes + o->tail_len;
    if (!all && !o->dropped_bytes) {
        html_putf(h, "<p class=\"empty\">%s: nothing</p>\n", title);
        return;
    }
    html_putf(h, "<details class=\"output\"%s><summary>%s <span class=\"size\">", opens ? " open" : "",
              title);
    html_size(h, all);
    html_put(h, "</span></summary>\n");
    put_part(h, o->head, o->head_len);
    if (o->left_out_bytes)
        html_putf(h, "<p class=\"cut\">%llu bytes are left out here.</p>\n",
                  (unsigned long long)o->left_out_bytes);
    if (o->tail_len)
        put_part(h, o->tail, o->tail_len);
    if (o->dropped_bytes)
        html_putf(h, "<p class=\"cut\">%llu bytes beyond the output limit were dropped.</p>\n",
                  (unsigned long long)o->dropped_bytes);
    html_put(h, "</details>\n");
}

static void put_outputs(struct html *h, const struct page *page)
{
    if (!page->has_output)
        return;
    bool opens = !page->result->tests_len;
    html_put(h, "<section class=\"card\"><h2>What the tests printed</h2>\n");
    put_output(h, "Standard output", &page->out, opens);
    put_output(h, "Standard error", &page->err, opens);
    html_put(h, "</section>\n");
}

/* ---- the page ---- */

/* Writes the title after the verdict. A local directory has no id. */
static void put_name(struct html *h, const struct page *page)
{
    const char *place = page->summary->repository ? page->summary->repository : "";
    const char *slash = strrchr(place, '/');
    if (page->is_directory) {
        html_string(h, slash ? slash + 1 : place);
        return;
    }
    html_put(h, "task ");
    put_id(h, page->summary);
}

static void put_head(struct html *h, const struct page *page)
{
    html_put(
        h, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
           "style-src '" report_css_sha256 "'; script-src '" report_js_sha256 "'; "
           "base-uri 'none'; form-action 'none'\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"color-scheme\" content=\"light dark\">\n"
           "<meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n<title>");
    html_put(h, verdict_of(page->result)->words);
    html_put(h, " · ");
    put_name(h, page);
    html_put(h, "</title>\n<style>");
    html_put(h, report_css);
    html_put(h, "</style>\n</head>\n<body>\n");
}

int page_write(const struct page *page, result_sink_fn *sink, void *data)
{
    struct html html = {.sink = sink, .data = data}, *h = &html;
    put_head(h, page);
    put_verdict(h, page);
    html_put(h, "<main>\n");
    put_task(h, page);
    if (page->result->tests_len) {
        html_put(h, "<section class=\"card\"><h2>Tests</h2>\n");
        page_tests_write(h, page->result, PAGE_MAX_TESTS, TESTS_MAX_BYTES);
        html_put(h, "</section>\n");
    }
    put_outputs(h, page);
    html_put(h, "<div class=\"how\">\n");
    put_stages(h, page->summary);
    put_group(h, page, PAGE_MACHINE, "Machine");
    put_group(h, page, PAGE_LIMITS, "Limits");
    html_put(h, "</div>\n</main>\n<footer>Made by ostest-runner " PROJECT_VERSION "</footer>\n<script>");
    html_put(h, report_js);
    html_put(h, "</script>\n</body>\n</html>\n");
    return h->error;
}
