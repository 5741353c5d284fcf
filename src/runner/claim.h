#pragma once

/*
 * Asks the backend for tasks. The GET is the claim: so it asks only while it is allowed to, one
 * question at a time, and never drops one that is on its way.
 */

#include "base/ev.h"
#include "runner/backend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct claim;

struct claim_calls {
    bool (*may_ask)(void *data);                               /* is there a free slot, and all else well? */
    bool (*on_body)(const char *body, size_t len, void *data); /* true: it was a task, ask on at once */
    void (*on_none)(void *data); /* an answer without a body: there is no task */
    void (*on_trouble)(const struct backend_answer *answer, void *data);
};

/* `interval_ms` between questions while there is no task. All borrowed but `calls`. */
struct claim *claim_new(struct ev *ev, struct backend *backend, int64_t interval_ms,
                        const struct claim_calls *calls, void *data);
/* As of claim_new(); from the next pause on. */
void claim_set_interval(struct claim *claim, int64_t interval_ms);
void claim_free(struct claim *claim);

/* Asks if it may and it is time. Safe at any time. */
void claim_kick(struct claim *claim);

/* A slot is free again: asks at once, unless the backend is in trouble. */
void claim_hurry(struct claim *claim);

/* A question is on its way. */
bool claim_is_busy(const struct claim *claim);
