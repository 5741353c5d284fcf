#pragma once

/* A test report in memory, from any source: one struct per test case, in the report's order. */

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

/* Returns true for a pass, including an expected failure. */
bool report_is_pass(enum report_status status);

/* Returns "passed", "failed" and so on, for logs. */
const char *report_status_name(enum report_status status);

struct report_case {
    char *classname; /* "" if none; valid UTF-8; owned by the report, like the next two */
    char *name;
    char *description; /* the failure's text, from report_shorten(); "" if none */
    enum report_status status;
    int64_t duration_ms;
    uint64_t memory_bytes; /* measured while it ran; 0: not measured */
    int64_t cpu_us;
};

struct report {
    struct report_case *cases;
    size_t len;
    size_t cap;
    bool is_pytests; /* it claims to be pytest's */
};

void report_done(struct report *report);

/*
 * The size to which junit_default_limits shortens a classname or name, and names to compare with
 * them.
 */
#define REPORT_NAME_BYTES 1024

/*
 * Returns a copy of a classname or name, cut to `max_bytes` with "…" appended if it is longer. The
 * caller frees.
 */
char *report_shorten_name(const char *name, size_t max_bytes);

/* Adds an empty case (strings NULL) and returns it; valid until the next call. */
struct report_case *report_add(struct report *report);

/* Removes the last case, which must exist. */
void report_drop_last(struct report *report);

/*
 * Merges the cases that pytest wrote for one test, at the position of the first: newer versions of
 * pytest-rerunfailures leave a case without an outcome for each run but the last, so the worst
 * outcome is that of the last run. Drops cases that have neither a name nor an outcome: they come
 * from a test that crashed its xdist worker and was run again. Keeps cases whose names were cut,
 * since they may belong to different tests.
 */
void report_merge_reruns(struct report *report);

/* Compares cases by classname, then by name, like strcmp(3); 0: both are equal. */
int report_compare_names(const struct report_case *a, const struct report_case *b);

/* Returns the outcome that counts: error before failed, skipped, xfailed, passed. */
enum report_status report_worse(enum report_status a, enum report_status b);

/*
 * Returns `text` as valid UTF-8 of about `max_bytes`: head and tail, with a line in between that
 * states how many bytes were left out. The caller frees.
 */
char *report_shorten(const char *text, size_t len, size_t max_bytes);

/*
 * Shortens a text that arrives in pieces, in at most `max_bytes` of memory. Zero-initialized; the
 * text must be valid UTF-8 without NUL.
 */
struct report_text {
    char *data; /* the head, then a ring with the tail */
    size_t cap;
    size_t max;
    size_t total; /* bytes appended so far */
};

void report_text_reset(struct report_text *t, size_t max_bytes); /* empties; keeps the memory */
void report_text_append(struct report_text *t, const char *s, size_t len);
char *report_text_render(const struct report_text *t); /* the caller frees */
void report_text_done(struct report_text *t);

/*
 * Parses seconds, as producers write them, into milliseconds, rounded down: "0.29", "1,234.5",
 * "1.5s", "2e-3". Returns 0 for anything but a positive number; at most 10^12.
 */
int64_t report_parse_seconds(const char *s);

/*
 * Returns the name that is posted: the classname without a leading "tests.", "::", and the name.
 * The caller frees.
 */
char *report_case_name(const struct report_case *c);

/* Returns the reason of a skipped test without the "file:line: " that pytest puts first. */
const char *report_after_place(const char *reason);

/*
 * Returns true if the name of a connected test selects this case: its node id contains the name,
 * ignoring the case of ASCII letters. Path separators, "::" and ".py" in `wanted` match the
 * classname's dots. The empty name selects every case.
 */
bool report_case_matches(const struct report_case *c, const char *wanted);
