#pragma once

/* The backend's two task requests, and what its answers mean (docs/protocol.md). */

#include "runner/auth.h"
#include "runner/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum backend_outcome {
    BACKEND_OK,        /* GET: there is a body, perhaps a task. POST: the result has arrived. */
    BACKEND_EMPTY,     /* GET only: no task */
    BACKEND_RELOGIN,   /* the token was refused: a new one is on its way, repeat with it */
    BACKEND_FORBIDDEN, /* the account may not do this: a person has to mend it, try again later */
    BACKEND_REFUSED,   /* POST only: the backend will never take this */
    BACKEND_TROUBLE,   /* may pass: try again later */
};

struct backend_answer {
    enum backend_outcome outcome;
    int status;          /* 0: no HTTP answer */
    const char *message; /* a sentence for all but OK and EMPTY; valid during the callback, like `body` */
    const char *body;
    size_t body_len;
    int64_t retry_after_ms; /* -1: none */
};

/* `answer` NULL: the request was dropped; only `data` is to be freed. */
typedef void backend_done_fn(const struct backend_answer *answer, void *data);

struct backend;

/* All borrowed. */
struct backend *backend_new(const struct options *options, struct http *http, struct auth *auth);
void backend_free(struct backend *backend);

/* False where there is no token to send now; auth's on_change tells when to ask again. */
bool backend_claim(struct backend *backend, backend_done_fn *fn, void *data);

/* Posts the file. Takes `fd` in any case; `ret_started` as above. */
bool backend_deliver(struct backend *backend, int fd, backend_done_fn *fn, void *data);
