#pragma once

/*
 * A test report in memory, whoever wrote it: one struct per test case, in the report's order.
 */

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_status {
    REPORT_PASSED,
    REPORT_FAILED,
    REPORT_ERROR,
    REPORT_SKIPPED,
    REPORT_XFAILED, /* an expected failure: counts as passed */
};

/* An expected failure is a pass, too. */
bool report_is_pass(enum report_status status);

/* "passed", "failed" …: for logs. */
const char *report_status_name(enum report_status status);

struct report_case {
    char *classname; /* "" where there is none; owned by the report, like the next two; valid UTF-8 */
    char *name;
    char *description; /* the failure's text, shortened by report_shorten(); "" where there is none */
    enum report_status status;
    int64_t duration_ms;
    uint64_t memory_bytes; /* what was measured while it ran; 0: nothing was */
    int64_t cpu_us;
};

struct report {
    struct report_case *cases;
    size_t len;
    size_t cap;
    bool is_pytests; /* it says that pytest wrote it */
};

void report_done(struct report *report);

/* What junit_default_limits keeps of a classname or name, and what is compared with it. */
#define REPORT_NAME_BYTES 1024

/* A copy of a classname or name, of at most `max_bytes`, or so much of it, with "…". The caller frees. */
char *report_shorten_name(const char *name, size_t max_bytes);

/* Adds an empty case (strings NULL) and gives it; valid until the next call. */
struct report_case *report_add(struct report *report);

/* Removes the last case, of which there must be one. */
void report_drop_last(struct report *report);

/*
 * Makes one case of those that pytest wrote of one test, at the place of the first: newer versions of
 * pytest-rerunfailures leave a case without an outcome for each run of a test but the last. The worst
 * outcome is that of the last run. Cases without any name are left out if they have no outcome either: they
 * are of a test that crashed its xdist worker and was run again. Names that were cut may be of several
 * tests; those stay.
 */
void report_merge_reruns(struct report *report);

/* Orders cases by classname, then by name, as strcmp(3) does; 0: both are the same. */
int report_compare_names(const struct report_case *a, const struct report_case *b);

/* Of two outcomes of one test, the one that counts: error, failed, skipped, xfailed, passed. */
enum report_status report_worse(enum report_status a, enum report_status b);

/*
 * `text` made valid UTF-8 and at most about `max_bytes` long: head and tail, with a line in
 * between that says how many bytes were left out. The caller frees.
 */
char *report_shorten(const char *text, size_t len, size_t max_bytes);

/*
 * The same for a text that arrives in pieces: takes no more memory than `max_bytes`, however
 * long the text gets. Zeroed before the first use; the text must be valid UTF-8 without NUL.
 */
struct report_text {
    char *data; /* the head, then a ring with the tail */
    size_t cap;
    size_t max;
    size_t total; /* bytes that were appended */
};

void report_text_reset(struct report_text *t, size_t max_bytes); /* empties; keeps the memory */
void report_text_append(struct report_text *t, const char *s, size_t len);
char *report_text_render(const struct report_text *t); /* the caller frees */
void report_text_done(struct report_text *t);

/*
 * Seconds, as producers write them, in milliseconds, rounded down: "0.29", "1,234.5", "1.5s",
 * "2e-3". 0 for what is no positive number; never more than 10^12.
 */
int64_t report_parse_seconds(const char *s);

/* The name that is posted: classname less one leading "tests.", "::", name. The caller frees. */
char *report_case_name(const struct report_case *c);

/* Of the reason of a skipped test, what stands behind the "file:line: " that pytest begins it with. */
const char *report_after_place(const char *reason);

/*
 * Whether the name of a connected test selects this case: contained in its
 * node id, whatever the case (of ASCII letters). Path separators, "::" and ".py" in `wanted` match
 * the classname's dots. The empty name is contained in every one.
 */
bool report_case_matches(const struct report_case *c, const char *wanted);
