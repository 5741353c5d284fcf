#pragma once

/*
 * Server-sent events; each is a whole snapshot. Snapshots are shared: a client is a position in
 * one. A slow client skips snapshots; a client that has read the newest one is suspended.
 */

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

struct stream;

/* Serves at most `max_clients` at a time. */
struct stream *stream_new(size_t max_clients);

/* Call it after stream_close() and the end of MHD's daemon. */
void stream_free(struct stream *stream);

size_t stream_clients(const struct stream *stream);

/*
 * Sends the text (one line of JSON) to all clients. Returns false without doing so if too many
 * older texts are still being sent; clients that have been reading one for some seconds are then
 * disconnected.
 */
bool stream_publish(struct stream *stream, const char *json, size_t len);

/* Returns the text published last; NULL: none. */
const char *stream_text(const struct stream *stream);

/* Sends a comment to suspended clients, which keeps connections alive and detects closed ones. */
void stream_beat(struct stream *stream);

/* Resumes all clients, so that they end. */
void stream_close(struct stream *stream);

/* Returns the response for a new client; NULL if there are too many. */
struct MHD_Response *stream_open(struct stream *stream, struct MHD_Connection *connection);

/* Returns a response with only the text published last; NULL: none. */
struct MHD_Response *stream_newest(struct stream *stream);
