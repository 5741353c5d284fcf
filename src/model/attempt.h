#pragma once

/*
 * The backend's record of an attempt, as returned by a query for it (docs/backend.md):
 *
 *   {"id": ID, "repositoryUrl": …, "branch": …, "sequenceOrder": N, "status": STATUS,
 *    "attemptResult": null or {…}}
 *
 * attemptResult is null until a result is stored; STATUS is then SUCCESS, FAILURE or ERROR.
 */

#include <stdbool.h>
#include <stddef.h>

enum attempt_verdict { ATTEMPT_NO_VERDICT, ATTEMPT_PASSED, ATTEMPT_FAILED, ATTEMPT_ERROR };

enum attempt_state {
    ATTEMPT_UNREADABLE, /* not an answer about this attempt, or truncated too early */
    ATTEMPT_OPEN,       /* no result is stored */
    ATTEMPT_STORED,
};

/*
 * The part of a result's body that always contains its id and verdict: up to 8 KiB of id, fully
 * escaped.
 */
#define ATTEMPT_PEEK_BYTES 65536

/*
 * Finds the id and the verdict in the beginning of a result's body (model/result.h). Returns the id
 * without quotes, which the caller frees, or NULL if there is none.
 */
char *attempt_of_result(const char *body, size_t len, enum attempt_verdict *ret_verdict);

/*
 * Parses an answer about the attempt `id`. `is_cut`: the body is truncated; it is enough that
 * attemptResult begins, since a stored result can exceed the size that is read of any answer.
 */
enum attempt_state attempt_parse(const char *body, size_t len, bool is_cut, const char *id,
                                 enum attempt_verdict *ret_verdict);

/* Returns "passed", "failed", "error", or "unknown" for ATTEMPT_NO_VERDICT. */
const char *attempt_verdict_name(enum attempt_verdict verdict);
