#pragma once

/*
 * The report of one task, for people: a page in a single file, which loads nothing. It can be read without
 * its script, which only filters. Style sheet and script are src/model/page/; the page's policy allows those
 * two and nothing else, so that a text of a student's program stays a text, whatever is in it (model/html.h).
 */

#include "model/result.h"
#include "model/summary.h"

/* A page is never larger: of tests past PAGE_MAX_TESTS, or when there are many long texts, the rest is
 * counted. */
#define PAGE_MAX_BYTES (16U << 20)
#define PAGE_MAX_TESTS 5000

/* Of each stream, twice so many bytes: all of it, or the first and the last ones. */
#define PAGE_OUTPUT_BYTES 65536

enum page_group { PAGE_TASK, PAGE_MACHINE, PAGE_LIMITS, PAGE_GROUPS };

struct page_fact {
    enum page_group group;
    const char *label; /* a constant */
    char *value;       /* owned; any text */
};

/* What the program printed; borrowed. */
struct page_output {
    const char *head, *tail; /* together at most twice PAGE_OUTPUT_BYTES; any bytes */
    size_t head_len, tail_len;
    uint64_t left_out_bytes; /* between the two */
    uint64_t dropped_bytes;  /* past the limit for output: nowhere to be found */
};

struct page {
    const struct summary *summary; /* borrowed, like the next */
    const struct result *result;
    struct page_output out, err;
    bool has_output;   /* the tests came to run */
    bool is_directory; /* was tested, rather than a repository */
    struct page_fact *facts;
    size_t facts_len;
};

/* A fact beside those that the summary has. */
void page_add(struct page *page, enum page_group group, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void page_done(struct page *page);

/* 0, or what the sink gave. */
int page_write(const struct page *page, result_sink_fn *sink, void *data);
