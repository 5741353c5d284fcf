#pragma once

/* The requests about tasks, and what the backend's answers mean (docs/protocol.md, docs/backend.md). */

#include "model/attempt.h"
#include "runner/auth.h"
#include "runner/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum backend_outcome {
    BACKEND_OK, /* claim: there is a body, perhaps a task; delivery: the result has arrived; query: post it */
    BACKEND_EMPTY,     /* claim only: no task */
    BACKEND_STORED,    /* query only: the backend has a result for this attempt */
    BACKEND_RELOGIN,   /* the token was refused: a new one is on its way, repeat with it */
    BACKEND_FORBIDDEN, /* the account may not do this: a person has to change that, try again later */
    BACKEND_TOO_LARGE, /* delivery only: the backend will not take so large a result */
    BACKEND_REFUSED,   /* delivery only: the backend will never take this */
    BACKEND_TROUBLE,   /* may pass: try again later */
};

struct backend_answer {
    enum backend_outcome outcome;
    int status; /* 0: no HTTP answer */
    const char
        *message; /* a sentence for all but OK, EMPTY and STORED; valid during the callback, like `body` */
    const char *body;
    size_t body_len;
    int64_t retry_after_ms;       /* -1: none */
    bool is_sent;                 /* the backend may have received the request, even if it did not answer */
    bool knows_attempt;           /* query: the backend answered about this very attempt */
    enum attempt_verdict verdict; /* query: of the stored result */
};

/* `answer` NULL: the request was dropped; only `data` is to be freed. */
typedef void backend_done_fn(const struct backend_answer *answer, void *data);

struct backend;

/* All borrowed. */
struct backend *backend_new(const struct options *options, struct http *http, struct auth *auth);
void backend_free(struct backend *backend);

/* Returns false if there is no token to send now; auth's on_change tells when to ask again. */
bool backend_claim(struct backend *backend, backend_done_fn *fn, void *data);

/* Returns true if attempts can be asked for (--attempt-api). */
bool backend_has_query(const struct backend *backend);

/* Asks whether a result is stored for the attempt `id`, a text that is copied. Returns as backend_claim(). */
bool backend_query(struct backend *backend, const char *id, backend_done_fn *fn, void *data);

/* Posts the file. Takes `fd` in any case. Returns as backend_claim(). */
bool backend_deliver(struct backend *backend, int fd, backend_done_fn *fn, void *data);
