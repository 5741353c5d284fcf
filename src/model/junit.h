#pragma once

/*
 * JUnit XML, as pytest, Maven Surefire, gtest, ctest, cargo-nextest and Go's converters write it
 * (there is no standard; the pytest project's xunit2 family is closest to one). A push parser:
 * memory grows with what is kept, not with the size of the file.
 *
 * In doubt a case has not passed: of several outcomes the worst counts, a failure outside of any
 * case becomes a case, and what cannot be understood is an error.
 */

#include "base/err.h"
#include "model/report.h"

#include <stddef.h>

struct junit;

struct junit_limits {
    size_t bytes; /* of the whole report */
    size_t depth; /* of nested elements */
    size_t cases;
    size_t name_bytes;              /* of a classname or name; longer ones are cut, with "…" */
    size_t description_bytes;       /* kept of one description */
    size_t total_description_bytes; /* kept of all; then JUNIT_LATE_DESCRIPTION_BYTES of each */
};

#define JUNIT_LATE_DESCRIPTION_BYTES 256

/* Two limits that keep expat small: it holds a tag or comment whole, and each name that it saw. */
#define JUNIT_MAX_MARKUP_BYTES    (8U << 20)
#define JUNIT_MAX_DIFFERENT_NAMES 1000

/* What the job uses: 256 MiB, depth 64, 500,000 cases, 1 KiB names, 16 KiB and 32 MiB of text. */
extern const struct junit_limits junit_default_limits;

/* `limits` are copied. Never NULL. */
struct junit *junit_new(const struct junit_limits *limits);
void junit_free(struct junit *j); /* NULL is allowed */

/*
 * Takes the next bytes. -EINVAL, class task, where it is not a JUnit report; -EFBIG, class limit,
 * past a limit. After a fault each further call answers the same.
 */
int junit_feed(struct junit *j, const char *data, size_t len, struct err *err);

/*
 * After the last byte, once: checks that the report is complete. `ret_report` is ended by the
 * caller with report_done(); it is untouched on failure.
 */
int junit_finish(struct junit *j, struct report *ret_report, struct err *err);
