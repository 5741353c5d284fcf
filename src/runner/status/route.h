#pragma once

/* The table of HTTP routes, and their answers. All are read-only: GET and HEAD. */

#include "base/buf.h"
#include "runner/config/listen.h"
#include "runner/status/stream.h"

#include <microhttpd.h>
#include <stdbool.h>

/* Sources of the answers. */
struct route_calls {
    void (*refresh)(void *data); /* publishes a snapshot unless the last one is recent */
    void (*metrics)(struct buf *out, void *data);
    const char *(*not_ready)(void *data); /* reason why no task is claimed; NULL: none */
    void *data;
};

struct route_site {
    struct route_calls calls;
    const char *state_dir; /* borrowed, as the stream */
    struct stream *stream;
    struct listen_address address;
};

/* Queues the answer. Sets `ret_is_stream` if it is an endless one. */
enum MHD_Result route_answer(const struct route_site *site, struct MHD_Connection *connection,
                             const char *method, const char *path, bool *ret_is_stream);
