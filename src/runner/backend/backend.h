#pragma once

/*
 * The requests about tasks, and what the backend's answers mean (docs/protocol.md,
 * docs/backend.md).
 */

#include "model/attempt.h"
#include "runner/backend/auth.h"
#include "runner/backend/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum backend_outcome {
    /* claim: there is a body; delivery: the result is stored; query: post the result */
    BACKEND_OK,
    BACKEND_EMPTY,     /* claim only: no task */
    BACKEND_STORED,    /* query only: the backend has a result for this attempt */
    BACKEND_RELOGIN,   /* the token was refused: repeat the request with a new one */
    BACKEND_FORBIDDEN, /* the account is not allowed to; the operator has to fix it; retry later */
    BACKEND_TOO_LARGE, /* delivery only: the result is too large */
    BACKEND_REFUSED,   /* delivery only: refused for good */
    BACKEND_TROUBLE,   /* temporary: retry later */
};

struct backend_answer {
    enum backend_outcome outcome;
    int status; /* 0: no HTTP answer */
    /* a sentence, except for OK, EMPTY and STORED; valid during the callback, as is `body` */
    const char *message;
    const char *body;
    size_t body_len;
    int64_t retry_after_ms;       /* -1: none */
    bool is_sent;                 /* the backend may have received the request */
    bool knows_attempt;           /* query: the answer is about this attempt */
    enum attempt_verdict verdict; /* query: of the stored result */
};

/* `answer` is NULL if the request was dropped: only free `data`. */
typedef void backend_done_fn(const struct backend_answer *answer, void *data);

struct backend;

/* All borrowed. */
struct backend *backend_new(const struct options *options, struct http *http, struct auth *auth);
void backend_free(struct backend *backend);

/*
 * Requests a task. Returns false if there is no token now; auth's on_change is called when there is
 * one.
 */
bool backend_claim(struct backend *backend, backend_done_fn *fn, void *data);

/* Returns true if attempts can be queried (--attempt-api). */
bool backend_has_query(const struct backend *backend);

/*
 * Queries whether a result is stored for the attempt `id`, which is copied. Returns as
 * backend_claim().
 */
bool backend_query(struct backend *backend, const char *id, backend_done_fn *fn, void *data);

/* Posts the file. Takes ownership of `fd` in any case. Returns as backend_claim(). */
bool backend_deliver(struct backend *backend, int fd, backend_done_fn *fn, void *data);
