#pragma once

/*
 * Results: whether one keeps the contract (docs/protocol.md), strictly, and what becomes of it.
 * A backend would forgive much of this; the runner's tests must not.
 */

#include "base/err.h"
#include "mock/queue.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* The form alone: members, types, text, and that what they say fits together. A new reference. */
int result_check(const char *body, size_t len, json_t **ret_result, struct err *err);

enum results_outcome {
    RESULTS_STORED,
    RESULTS_STORED_TWIN, /* another one for a task that several were given */
    RESULTS_SAME_AGAIN,
    RESULTS_DIFFERENT, /* from the one that is there for the same claim; not stored */
    RESULTS_DESTROYED, /* it was there already: under the real rules that deletes the attempt */
    RESULTS_UNKNOWN,   /* the id was never handed out, or with another JSON type; not stored */
    RESULTS_FAILED,    /* the file could not be written; not stored */
    RESULTS_OUTCOMES,
};

enum results_rules {
    RESULTS_RULES_REAL,    /* as os-nsu/ostest-back at d1aaa1a behaves (docs/backend.md) */
    RESULTS_RULES_LENIENT, /* the contract's friendly reading: a repeated result is harmless, nothing is too
                              long */
};

/*
 * Under the real rules, the status with which that backend answers a body that it cannot store, and in
 * `ret_reason` why: 500 for a NUL in any text or too long an errorDetails, 400 for one enormous text. 0: it
 * stores the body. A body that is not JSON is 0 as well: result_check() refuses it.
 */
unsigned results_unstorable(const char *body, size_t len, const char **ret_reason);

/*
 * Marks the claim; `fd` (-1: none) gets the result as one line of JSON. A claim that several runners were
 * given takes a result of each under the lenient rules; under the real ones, the second destroys it.
 */
enum results_outcome results_store(struct queue *queue, json_t *result, enum results_rules rules, int fd,
                                   int64_t now_ms);

/* What the real backend answers to a query for this attempt. A new reference. */
json_t *results_attempt(const struct claim *claim);

/* "result 21: passed, 6 of 6 tests, 1234 ms" in a few hundred bytes. The caller frees. */
char *result_describe(const json_t *result);
