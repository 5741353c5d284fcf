#pragma once

/*
 * The result that is posted for a task (docs/protocol.md): always all members, strings never null,
 * valid UTF-8.
 */

#include "base/err.h"
#include "model/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct result_test {
    char *name;        /* owned; valid UTF-8 */
    char *description; /* owned; valid UTF-8 */
    bool is_passed;
    uint64_t memory_bytes; /* 0: not measured */
    int64_t duration_ms;
    enum report_status status; /* this and cpu_us: for display, not posted */
    int64_t cpu_us;
};

struct result {
    bool is_passed;
    bool is_error;
    char *error_details; /* owned; the full text, for display; NULL: "" */
    char *error_brief;   /* owned; the posted text; NULL: shortened error_details */
    int64_t duration_ms;
    struct result_test *tests; /* owned */
    size_t tests_len;
};

/* The unit of memoryUsed, which is rounded up. */
enum result_memory_unit { RESULT_MEMORY_B, RESULT_MEMORY_KB, RESULT_MEMORY_MB };

void result_done(struct result *result);

/* Initializes an error result without tests; `details` is copied and repaired. */
void result_init_error(struct result *ret_result, const char *details);

/* Receives the JSON piece by piece. Returns 0, or -errno, which ends the writing. */
typedef int result_sink_fn(const char *text, size_t len, void *data);

/*
 * Writes the body of the POST. `id_json` is the task's. The id and the verdict come before the
 * tests, so that attempt_of_result() can find them without reading the tests. Memory does not grow
 * with the number of tests.
 */
int result_write(const struct result *result, const char *id_json, enum result_memory_unit unit,
                 result_sink_fn *sink, void *data);
