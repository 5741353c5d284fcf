#pragma once

/*
 * JUnit XML, as pytest, Maven Surefire, gtest, ctest, cargo-nextest and Go's converters write it
 * (there is no standard; the pytest project's xunit2 family is closest to one). A push parser:
 * memory grows with what is kept, not with the size of the file.
 */

#include "base/err.h"
#include "model/report.h"

#include <stddef.h>

struct junit;

struct junit_limits {
    size_t bytes; /* of the whole report */
    size_t depth; /* of nested elements */
    size_t cases;
    size_t name_bytes;              /* of a classname or name; longer ones are shortened */
    size_t description_bytes;       /* kept of one description */
    size_t total_description_bytes; /* kept of all; then only the first line's worth of each */
};

/* What the job uses: 256 MiB, depth 64, 500,000 cases, 1 KiB names, 16 KiB and 32 MiB of text. */
extern const struct junit_limits junit_default_limits;

struct junit *junit_new(const struct junit_limits *limits);
void junit_free(struct junit *j);

/* Takes the next bytes. Class task where it is not a JUnit report, class limit past a limit. */
int junit_feed(struct junit *j, const char *data, size_t len, struct err *err);

/* After the last byte: the report is complete. `ret_report` is ended by the caller. */
int junit_finish(struct junit *j, struct report *ret_report, struct err *err);
