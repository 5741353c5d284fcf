#pragma once

/* What can be asked for over HTTP, and the answers: one table. Only GET and HEAD; nothing here changes
 * anything. */

#include "base/buf.h"
#include "runner/status/listen.h"
#include "runner/status/stream.h"

#include <microhttpd.h>
#include <stdbool.h>

/* What the answers are made from. */
struct route_calls {
    void (*refresh)(void *data); /* publishes a snapshot, unless the newest one is new enough */
    void (*metrics)(struct buf *out, void *data);
    const char *(*not_ready)(void *data); /* why no task is claimed; NULL: one would be */
    void *data;
};

struct route_site {
    struct route_calls calls;
    const char *state_dir; /* borrowed, as the stream */
    struct stream *stream;
    struct listen_address address;
};

/* Queues the answer. `ret_is_stream` tells of one that does not end. */
enum MHD_Result route_answer(const struct route_site *site, struct MHD_Connection *connection,
                             const char *method, const char *path, bool *ret_is_stream);
