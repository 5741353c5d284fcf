#pragma once

/* The last results, and how many there were of each kind in the last hours: for the page's list and plots. */

#include "base/buf.h"
#include "base/strv.h"
#include "model/summary.h"
#include "runner/status/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_RESULTS 100
#define HISTORY_BINS    72
#define HISTORY_BIN_S   300

struct history;

struct history *history_new(void);
void history_free(struct history *history);

/*
 * A task has its result. `files`: the names of what can be read of it; NULL: nothing. The order in which they
 * are told is that of the list.
 */
void history_add(struct history *history, const char *key, enum metrics_outcome outcome,
                 const struct summary *summary, const struct strv *files);

/* How many are in the list. */
size_t history_len(const struct history *history);

/*
 * Appends `"history": {…}, "results": […]`, the newest result first. Those that do not fit into the buffer's
 * limit are left out.
 */
void history_format(const struct history *history, int64_t now_s, struct buf *out);
