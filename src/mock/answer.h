#pragma once

/* The answer to a request, and the faults that are applied to it. */

#include "mock/faults.h"

#include <jansson.h>
#include <microhttpd.h>
#include <stddef.h>

struct answer {
    unsigned status;
    const char *type; /* media type of the body; NULL: none */
    char *body;       /* owned; NULL: empty */
    size_t len;
    const char *header; /* an additional header; NULL: none */
    char header_value[64];
    size_t claim; /* number of the claim, see queue_claim(); 0: none */
};

void answer_done(struct answer *answer);

/* Takes ownership of `body`. */
void answer_set(struct answer *ret_answer, unsigned status, const char *type, char *body, size_t len);

/* Steals the reference to `value`. */
void answer_json(struct answer *ret_answer, unsigned status, json_t *value);
void answer_text(struct answer *ret_answer, unsigned status, const char *text);

/* Sets a body of {"message": …}, like the refusals of the real backend. */
void answer_message(struct answer *ret_answer, unsigned status, const char *text);

void answer_header(struct answer *answer, const char *name, const char *value);

/*
 * Applies the fault to the answer. Refusals are left as they are, so that a fault never hides a
 * client's mistake.
 */
void answer_spoil(struct answer *answer, const struct fault *fault);

/* Returns a new response and consumes the answer; NULL: out of memory. */
struct MHD_Response *answer_response(struct answer *answer, const struct fault *fault);
