#pragma once

/*
 * The report of one task, for people: a self-contained page. Its script only filters; without it,
 * the page is complete. Style sheet and script are in src/model/page/; the page's policy allows
 * nothing else, so that a student's output is never executed, whatever it contains (model/html.h).
 */

#include "model/result.h"
#include "model/summary.h"

/*
 * Limits of a page. Beyond PAGE_MAX_TESTS tests, or if there are many long texts, the remaining
 * tests are only counted.
 */
#define PAGE_MAX_BYTES (16U << 20)
#define PAGE_MAX_TESTS 5000

/* Twice this many bytes are shown of each stream: all of it, or the first and the last ones. */
#define PAGE_OUTPUT_BYTES 65536

enum page_group { PAGE_TASK, PAGE_MACHINE, PAGE_LIMITS, PAGE_GROUPS };

struct page_fact {
    enum page_group group;
    const char *label; /* a constant */
    char *value;       /* owned; any text */
};

/* Output of the tests; borrowed. */
struct page_output {
    const char *head, *tail; /* together at most twice PAGE_OUTPUT_BYTES; any bytes */
    size_t head_len, tail_len;
    uint64_t left_out_bytes; /* between the two */
    uint64_t dropped_bytes;  /* beyond the output limit, not kept */
};

struct page {
    const struct summary *summary; /* borrowed, like `result` */
    const struct result *result;
    struct page_output out, err;
    bool has_output;   /* the tests were started */
    bool is_directory; /* a directory was tested, not a repository */
    struct page_fact *facts;
    size_t facts_len;
};

/* Adds a fact to those of the summary. */
void page_add(struct page *page, enum page_group group, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void page_done(struct page *page);

/* Writes the page. Returns 0, or the error of the sink. */
int page_write(const struct page *page, result_sink_fn *sink, void *data);
