#pragma once

/*
 * The last results, and the number of results of each outcome over the last hours, for the status
 * page.
 */

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
 * Adds a result. `files`: names of its files that can be read over HTTP; NULL: none. The list keeps
 * the order of the calls.
 */
void history_add(struct history *history, const char *key, enum metrics_outcome outcome,
                 const struct summary *summary, const struct strv *files);

/* Returns the number of results in the list. */
size_t history_len(const struct history *history);

/*
 * Appends `"history": {…}, "results": […]`, the newest result first. Results that exceed the
 * buffer's limit are left out.
 */
void history_format(const struct history *history, int64_t now_s, struct buf *out);
