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
    RESULTS_UNKNOWN,   /* the id was never handed out, or with another JSON type; not stored */
    RESULTS_FAILED,    /* the file could not be written; not stored */
    RESULTS_OUTCOMES,
};

/* Marks the claim; `fd` (-1: none) gets the result as one line of JSON. */
enum results_outcome results_store(struct queue *queue, json_t *result, int fd, int64_t now_ms);

/* "result 21: passed, 6 of 6 tests, 1234 ms" in a few hundred bytes. The caller frees. */
char *result_describe(const json_t *result);
