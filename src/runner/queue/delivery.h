#pragma once

/*
 * Delivers the results in the spool to the backend: oldest first, a few at a time, with unlimited
 * retries and exponential backoff.
 *
 * The backend deletes an attempt whose result arrives twice (docs/backend.md). Each POST therefore
 * follows a query for the attempt: if a result is stored, nothing is posted; if the query is not
 * answered, it is repeated. A result that a working backend fails to store is sent in smaller and
 * smaller forms, and moves to rejected/ after the smallest. No result blocks another.
 */

#include "base/ev.h"
#include "runner/backend/backend.h"
#include "runner/queue/spool.h"

#include <stdbool.h>

struct delivery;

enum delivery_event {
    DELIVERY_DONE, /* the backend has accepted the result */
    /* a result was stored already, possibly another runner's; nothing was posted */
    DELIVERY_STORED,
    DELIVERY_REJECTED, /* moved to rejected/ */
    DELIVERY_DELAYED,  /* to be retried; `message` says why */
    DELIVERY_SHRUNK,   /* to be retried in a smaller form, named in `message` */
    DELIVERY_BROKEN,   /* the spool failed */
};

/* Valid during the call. */
struct delivery_note {
    enum delivery_event event;
    const char *key;
    const char *message;
    int http_status;             /* of the answer; 0: no answer; -1: not about an answer */
    int64_t waited_ms;           /* since the result was added to the spool */
    enum attempt_verdict ours;   /* STORED: of this result */
    enum attempt_verdict theirs; /* STORED: of the stored result */
};

/* Called for each event, after the spool has been updated. */
typedef void delivery_event_fn(const struct delivery_note *note, void *data);

/* All borrowed. */
struct delivery *delivery_new(struct ev *ev, struct spool *spool, struct backend *backend,
                              delivery_event_fn *fn, void *data);
void delivery_free(struct delivery *delivery);

/*
 * Other runners use this backend: from now on each first delivery is delayed by up to two seconds.
 * Also assumed once a result is found stored that was never posted from here.
 */
void delivery_expect_others(struct delivery *delivery);

/* Starts deliveries, for example after spool_add() or a login. May be called at any time. */
void delivery_kick(struct delivery *delivery);
