#pragma once

/*
 * Parses JUnit XML as written by pytest, Maven Surefire, gtest, ctest, cargo-nextest and Go's
 * converters (there is no standard; the pytest project's xunit2 family comes closest). A push
 * parser: memory grows with what is kept, not with the size of the file.
 *
 * In doubt a case has not passed: of several outcomes the worst counts, a failure outside any case
 * becomes a case, and anything unintelligible is an error.
 */

#include "base/err.h"
#include "model/report.h"

#include <stddef.h>

struct junit;

struct junit_limits {
    size_t bytes; /* of the whole report */
    size_t depth; /* of nested elements */
    size_t cases;
    size_t name_bytes;              /* of a classname or name; then cut, with "…" */
    size_t description_bytes;       /* kept of one description */
    size_t total_description_bytes; /* kept in total; then JUNIT_LATE_DESCRIPTION_BYTES of each */
};

#define JUNIT_LATE_DESCRIPTION_BYTES 256

/* Two limits on expat's memory: it holds a whole tag or comment, and each name that it has seen. */
#define JUNIT_MAX_MARKUP_BYTES    (8U << 20)
#define JUNIT_MAX_DIFFERENT_NAMES 1000

/* The job's limits: 256 MiB, depth 64, 500,000 cases, 1 KiB names, 16 KiB and 32 MiB of text. */
extern const struct junit_limits junit_default_limits;

/* Creates a parser; copies `limits`. Never NULL. */
struct junit *junit_new(const struct junit_limits *limits);
void junit_free(struct junit *j); /* NULL is allowed */

/*
 * Parses the next bytes. Returns -EINVAL (class task) if it is not a JUnit report, -EFBIG (class
 * limit) beyond a limit. After an error, each further call returns the same one.
 */
int junit_feed(struct junit *j, const char *data, size_t len, struct err *err);

/*
 * To be called once, after the last byte: checks that the report is complete. The caller releases
 * `ret_report` with report_done(); it is untouched on failure.
 */
int junit_finish(struct junit *j, struct report *ret_report, struct err *err);
