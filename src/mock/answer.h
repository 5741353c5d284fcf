#pragma once

/* What goes back for one request, and how a fault spoils it. */

#include "mock/faults.h"

#include <jansson.h>
#include <microhttpd.h>
#include <stddef.h>

struct answer {
    unsigned status;
    const char *type; /* of the body; NULL: none */
    char *body;       /* owned; NULL: empty */
    size_t len;
    const char *header; /* one more header; NULL: none */
    char header_value[64];
    size_t claim; /* the number of the claim that it tells of, see queue_claim(); 0: none */
};

void answer_done(struct answer *answer);

/* Takes ownership of `body`. */
void answer_set(struct answer *ret_answer, unsigned status, const char *type, char *body, size_t len);

void answer_json(struct answer *ret_answer, unsigned status, json_t *value); /* takes the reference */
void answer_text(struct answer *ret_answer, unsigned status, const char *text);

/* {"message": …}, as the real backend words its refusals. */
void answer_message(struct answer *ret_answer, unsigned status, const char *text);

void answer_header(struct answer *answer, const char *name, const char *value);

/*
 * The answer as the fault wants it. A refusal is left as it is, so that a fault never hides
 * what the client did wrong.
 */
void answer_spoil(struct answer *answer, const struct fault *fault);

/* A new response; the answer is used up. NULL: there is no memory. */
struct MHD_Response *answer_response(struct answer *answer, const struct fault *fault);
