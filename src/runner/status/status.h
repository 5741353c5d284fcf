#pragma once

/*
 * The status page (--http): shows over HTTP what the supervisor reports to it. Nothing depends on
 * it; without a page all calls are made with NULL and do nothing.
 *
 *   events ──▶ board (slots), history (last results), metrics (counters)
 *                 └─▶ snapshot, at most twice a second and only with clients ──▶ stream, web
 */

#include "base/ev.h"
#include "runner/config/options.h"
#include "runner/queue/jobs.h"
#include "runner/queue/spool.h"
#include "runner/status/metrics.h"
#include "runner/status/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct status;

struct status_settings {
    const struct options *options;
    struct ev *ev;
    const struct spool *spool;
    void (*look)(struct snapshot_view *ret_view, void *data);
    void *data;
};

/*
 * Returns NULL without --http. All pointers in the settings are borrowed. If it cannot listen, it
 * retries.
 */
struct status *status_new(const struct status_settings *settings);
void status_free(struct status *status);

void status_claim_answered(struct status *status, enum metrics_claim answer);

/* Returns the callbacks that show the jobs on the page. */
struct jobs_observer status_observer(struct status *status);

/*
 * The backend answered a result with `http_status` (0: no answer), or the spool has changed (-1).
 */
void status_delivered(struct status *status, int http_status);

/* The backend has stored a result, `waited_ms` after it was put into the spool. */
void status_arrived(struct status *status, int64_t waited_ms);
