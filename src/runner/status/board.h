#pragma once

/*
 * Current state of each slot, from the jobs' progress lines; for display only. Times are wall
 * clock.
 */

#include "base/buf.h"
#include "model/progress.h"
#include "model/task.h"

#include <stddef.h>
#include <stdint.h>

struct board;

struct board *board_new(size_t slots);
void board_free(struct board *board);

size_t board_slots(const struct board *board);
size_t board_busy(const struct board *board);

/* A job was started for `task`; NULL: to clean up. The texts are copied. */
void board_start(struct board *board, size_t slot, const char *key, const char *label,
                 const struct task *task, int64_t now_ms);

/* The job in the slot has written a progress line. */
void board_progress(struct board *board, size_t slot, const struct progress *progress, int64_t now_ms);

/* The job in the slot has ended. */
void board_end(struct board *board, size_t slot);

/*
 * Appends `"slots": […]`, the busy slots with their numbers, as many as fit into `max_bytes`, and
 * `"slotsLeftOut"`, the number of the others.
 */
void board_format(const struct board *board, size_t max_bytes, struct buf *out);
