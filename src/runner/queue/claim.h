#pragma once

/*
 * Requests tasks from the backend. The GET is the claim, so requests are made one at a time, only
 * while may_ask() allows it, and are never cancelled.
 */

#include "base/ev.h"
#include "runner/backend/backend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct claim;

struct claim_calls {
    bool (*may_ask)(void *data); /* a slot is free, and admission is given */
    bool (*on_body)(const char *body, size_t len,
                    void *data); /* returns true if it was a task: continue at once */
    void (*on_none)(void *data); /* the backend has no task */
    void (*on_trouble)(const struct backend_answer *answer, void *data);
};

/* `interval_ms`: time between requests while there is no task. All borrowed except `calls`. */
struct claim *claim_new(struct ev *ev, struct backend *backend, int64_t interval_ms,
                        const struct claim_calls *calls, void *data);
/* Sets the interval of claim_new(), from the next pause on. */
void claim_set_interval(struct claim *claim, int64_t interval_ms);
void claim_free(struct claim *claim);

/* Sends a request if it is allowed and due. May be called at any time. */
void claim_kick(struct claim *claim);

/* Call it when a slot becomes free: sends a request at once, unless the backend is failing. */
void claim_hurry(struct claim *claim);

/* Returns true if a request is in flight. */
bool claim_is_busy(const struct claim *claim);
