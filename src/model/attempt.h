#pragma once

/*
 * What the backend holds for an attempt, as it answers a query for it (docs/backend.md):
 *
 *   {"id": ID, "repositoryUrl": …, "branch": …, "sequenceOrder": N, "status": STATUS, "attemptResult": null
 * or {…}}
 *
 * attemptResult is null until a result is stored; STATUS is then SUCCESS, FAILURE or ERROR.
 */

#include <stdbool.h>
#include <stddef.h>

enum attempt_verdict { ATTEMPT_NO_VERDICT, ATTEMPT_PASSED, ATTEMPT_FAILED, ATTEMPT_ERROR };

enum attempt_state {
    ATTEMPT_UNREADABLE, /* not an answer about this attempt, or it breaks off too early */
    ATTEMPT_OPEN,       /* nothing is stored */
    ATTEMPT_STORED,
};

/* The longest beginning of a result's body in which its id and verdict stand: 8 KiB of id, all of it escaped.
 */
#define ATTEMPT_PEEK_BYTES 65536

/*
 * Finds id and verdict in the beginning of a result's body (model/result.h). Returns the id as text, without
 * quotes, which the caller frees; NULL: there is none.
 */
char *attempt_of_result(const char *body, size_t len, enum attempt_verdict *ret_verdict);

/*
 * Reads an answer about the attempt `id`. `is_cut`: the body breaks off; it is enough that attemptResult
 * begins, since a stored result can be larger than any answer that is read whole.
 */
enum attempt_state attempt_parse(const char *body, size_t len, bool is_cut, const char *id,
                                 enum attempt_verdict *ret_verdict);

/* "passed", "failed", "error"; "unknown" for ATTEMPT_NO_VERDICT. */
const char *attempt_verdict_name(enum attempt_verdict verdict);
