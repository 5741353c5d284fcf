#pragma once

/* The content of the status page, as one line of JSON of bounded length. */

#include "base/buf.h"
#include "runner/status/board.h"
#include "runner/status/history.h"
#include "runner/status/status.h"

#include <stdint.h>

#define SNAPSHOT_MAX_BYTES ((size_t)256 << 10)

struct snapshot_parts {
    const struct status_settings *settings;
    const struct status_view *view;
    const struct board *board;
    const struct history *history;
    const struct metrics *metrics;
    int64_t started_ms; /* start of the runner; wall clock */
};

/*
 * Formats a snapshot into `out`, which must be empty; its limit becomes SNAPSHOT_MAX_BYTES. The time comes
 * first, so that snapshots can be compared without it.
 */
void snapshot_format(const struct snapshot_parts *parts, int64_t now_ms, struct buf *out);

/* Returns the part of a snapshot after the time. */
const char *snapshot_rest(const char *text);
