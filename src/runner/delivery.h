#pragma once

/*
 * Brings what is in the spool to the backend: oldest first, a few at a time, for ever, with growing and
 * jittered pauses.
 *
 * The real backend deletes an attempt whose result arrives twice (docs/backend.md). So each POST follows a
 * query for the attempt: a result that is stored is delivered, and a backend that does not answer the query
 * is not sent the result either. A result that the backend cannot store, although it works, is sent in ever
 * smaller forms, and goes to rejected/ after the smallest one. No result blocks another.
 */

#include "base/ev.h"
#include "runner/backend.h"
#include "runner/spool.h"

#include <stdbool.h>

struct delivery;

enum delivery_event {
    DELIVERY_DONE,     /* the backend has taken the result */
    DELIVERY_STORED,   /* the backend had it, or another runner's, before: it was not posted */
    DELIVERY_REJECTED, /* it is in rejected/ now */
    DELIVERY_DELAYED,  /* it will be sent again; `message` says why it was not taken */
    DELIVERY_SHRUNK,   /* the same, and then in a smaller form, which `message` names */
    DELIVERY_BROKEN,   /* the spool itself fails */
};

/* Valid during the call. */
struct delivery_note {
    enum delivery_event event;
    const char *key;
    const char *message;
    int http_status;             /* of the answer; 0: there was none; -1: it is not about an answer */
    int64_t waited_ms;           /* since the result was known here */
    enum attempt_verdict ours;   /* STORED: of this result, */
    enum attempt_verdict theirs; /* and of the stored one */
};

/* For the one who logs, and who may look at spool_len(). */
typedef void delivery_event_fn(const struct delivery_note *note, void *data);

/* All borrowed. */
struct delivery *delivery_new(struct ev *ev, struct spool *spool, struct backend *backend,
                              delivery_event_fn *fn, void *data);
void delivery_free(struct delivery *delivery);

/*
 * Other runners work for this backend. From now on each result waits for up to two seconds before its first
 * delivery. Also assumed once a result turns out to be stored that was never posted from here.
 */
void delivery_expect_others(struct delivery *delivery);

/* Starts what may be started: after a spool_add(), after a login. Safe at any time. */
void delivery_kick(struct delivery *delivery);
