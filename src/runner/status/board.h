#pragma once

/* What runs in each slot now, as far as the jobs have told: for the eye alone. Times are of the wall clock.
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

/* A job was started. `task` is what it works on; NULL: it cleans up. The texts are copied. */
void board_start(struct board *board, size_t slot, const char *key, const char *label,
                 const struct task *task, int64_t now_ms);

/* What the job told. */
void board_progress(struct board *board, size_t slot, const struct progress *progress, int64_t now_ms);

/* It has ended. */
void board_end(struct board *board, size_t slot);

/*
 * Appends `"slots": […]`: those that are busy, with their numbers, as many as fit into `max_bytes`; how many
 * there are beyond is `"slotsLeftOut"`.
 */
void board_format(const struct board *board, size_t max_bytes, struct buf *out);
