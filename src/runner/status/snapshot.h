#pragma once

/* The content of the status page, as one line of JSON of bounded length. */

#include "base/buf.h"
#include "runner/config/options.h"
#include "runner/queue/spool.h"
#include "runner/status/board.h"
#include "runner/status/history.h"
#include "runner/status/metrics.h"

#include <stdbool.h>
#include <stdint.h>

#define SNAPSHOT_MAX_BYTES ((size_t)256 << 10)

/*
 * State of the whole runner, queried for each snapshot. The texts are valid until the event loop
 * continues; NULL or "": none.
 */
struct snapshot_view {
    const char *closed; /* why no task is claimed */
    bool is_stopping;
    /* their messages */
    const char *claim_condition, *delivery_condition, *login_condition, *disk_condition;
};

struct snapshot_parts {
    const struct options *options;
    const struct spool *spool;
    const struct snapshot_view *view;
    const struct board *board;
    const struct history *history;
    const struct metrics *metrics;
    int64_t started_ms; /* start of the runner; wall clock */
};

/*
 * Formats a snapshot into `out`, which must be empty; its limit becomes SNAPSHOT_MAX_BYTES. The
 * time comes first, so that snapshots can be compared without it.
 */
void snapshot_format(const struct snapshot_parts *parts, int64_t now_ms, struct buf *out);

/* Returns the part of a snapshot after the time. */
const char *snapshot_rest(const char *text);
