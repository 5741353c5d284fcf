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

struct report_case {
    char *classname; /* "" where there is none; owned by the report, like the next two; valid UTF-8 */
    char *name;
    char *description; /* the failure's text, shortened by report_shorten(); "" where there is none */
    enum report_status status;
    int64_t duration_ms;
};

struct report {
    struct report_case *cases;
    size_t len;
    size_t cap;
};

void report_done(struct report *report);

/* Adds an empty case (strings NULL) and gives it; valid until the next call. */
struct report_case *report_add(struct report *report);

/*
 * `text` made valid UTF-8 and at most about `max_bytes` long: head and tail, with a line in
 * between that says how many bytes were left out. The caller frees.
 */
char *report_shorten(const char *text, size_t len, size_t max_bytes);

/* The name that is posted: classname less one leading "tests.", "::", name. The caller frees. */
char *report_case_name(const struct report_case *c);

/*
 * Whether the name of a connected test selects this case, as pytest's -k does: contained in its
 * node id, whatever the case. Path separators, "::" and ".py" in `wanted` match the classname's dots.
 */
bool report_case_matches(const struct report_case *c, const char *wanted);
