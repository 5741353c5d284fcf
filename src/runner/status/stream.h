#pragma once

/*
 * Server-sent events: each is the newest whole snapshot. Who reads slowly skips some, since a client is no
 * more than a position in a snapshot that all share; who has read the newest one is suspended.
 */

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

struct stream;

/* At most so many clients at a time. */
struct stream *stream_new(size_t max_clients);

/* After stream_close() and the end of MHD's daemon. */
void stream_free(struct stream *stream);

size_t stream_clients(const struct stream *stream);

/*
 * Sends the text (one line of JSON) to all. Does nothing, and gives false, where too many others are on their
 * way to slow clients; those that take longer than some seconds for one are let go then.
 */
bool stream_publish(struct stream *stream, const char *json, size_t len);

/* The text that was published last; NULL: none. */
const char *stream_text(const struct stream *stream);

/* Sends a comment to who waits: it keeps connections, and shows which are gone. */
void stream_beat(struct stream *stream);

/* Wakes all up, to end. */
void stream_close(struct stream *stream);

/* The answer for one more client; NULL: there are too many. */
struct MHD_Response *stream_open(struct stream *stream, struct MHD_Connection *connection);

/* The text that was published last, as an answer of its own; NULL: none. */
struct MHD_Response *stream_newest(struct stream *stream);
