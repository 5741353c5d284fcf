#pragma once

/*
 * Brings what is in the spool to the backend: oldest first, a few at a time, for ever, with
 * growing and jittered pauses. A result that the backend refuses never blocks the next.
 */

#include "base/ev.h"
#include "runner/backend.h"
#include "runner/spool.h"

#include <stdbool.h>

struct delivery;

enum delivery_event {
    DELIVERY_DONE,     /* the backend has the result */
    DELIVERY_REJECTED, /* it is in rejected/ now */
    DELIVERY_DELAYED,  /* it will be tried again; `message` says why */
    DELIVERY_BROKEN,   /* the spool itself gives trouble */
};

/* Valid during the call. */
struct delivery_note {
    enum delivery_event event;
    const char *key;
    const char *message;
    int http_status;   /* of the answer; 0: there was none; -1: it is not about an answer */
    int64_t waited_ms; /* since the result was known here */
};

/* For the one who logs, and who may look at spool_len(). */
typedef void delivery_event_fn(const struct delivery_note *note, void *data);

/* All borrowed. */
struct delivery *delivery_new(struct ev *ev, struct spool *spool, struct backend *backend,
                              delivery_event_fn *fn, void *data);
void delivery_free(struct delivery *delivery);

/* Starts what may be started: after a spool_add(), after a login. Safe at any time. */
void delivery_kick(struct delivery *delivery);
