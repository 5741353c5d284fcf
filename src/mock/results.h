#pragma once

/*
 * Results: a strict check of the protocol (docs/protocol.md), and storage. A backend would tolerate
 * much of what is refused here; the runner's tests must not.
 */

#include "base/err.h"
#include "mock/queue.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Checks the form: members, types, text, and their consistency. Returns a new reference. */
int result_check(const char *body, size_t len, json_t **ret_result, struct err *err);

enum results_outcome {
    RESULTS_STORED,
    RESULTS_STORED_TWIN, /* another one for a task that several runners were given */
    RESULTS_SAME_AGAIN,
    RESULTS_DIFFERENT, /* differs from the stored one of the claim; not stored */
    RESULTS_DESTROYED, /* a repeated one, which deletes the attempt (real rules) */
    RESULTS_UNKNOWN,   /* unknown id, or one of another JSON type; not stored */
    RESULTS_FAILED,    /* the file cannot be written; not stored */
    RESULTS_OUTCOMES,
};

enum results_rules {
    RESULTS_RULES_REAL,    /* like os-nsu/ostest-back at d1aaa1a (docs/backend.md) */
    RESULTS_RULES_LENIENT, /* repeated results are harmless, nothing is too long */
};

/*
 * Returns the status with which the real backend refuses a body that it cannot store, and the
 * reason: 500 for a NUL in any text or too long an errorDetails, 400 for one enormous text; 0 if it
 * can store the body. A body that is not JSON is 0 as well: result_check() refuses it.
 */
unsigned results_unstorable(const char *body, size_t len, const char **ret_reason);

/*
 * Stores the result: marks the claim, and appends the result to `fd` (-1: none) as one line of
 * JSON. A claim that several runners were given takes a result of each under the lenient rules;
 * under the real ones, the second deletes it.
 */
enum results_outcome results_store(struct queue *queue, json_t *result, enum results_rules rules, int fd,
                                   int64_t now_ms);

/* Returns the real backend's answer to a query for this attempt. A new reference. */
json_t *results_attempt(const struct claim *claim);

/*
 * Returns "result 21: passed, 6 of 6 tests passed, 1234 ms", of a few hundred bytes. The caller
 * frees.
 */
char *result_describe(const json_t *result);
