#pragma once

/* Has a job of its own trim the caches, beside the slots: at the start, and after tasks, but not too often.
 */

#include "base/children.h"
#include "base/ev.h"
#include "runner/executor/slot.h"

#include <stdbool.h>

struct cache_trimmer;

/* All borrowed. */
struct cache_trimmer *cache_trimmer_new(struct ev *ev, struct children *children,
                                        const struct slot_program *program);
void cache_trimmer_free(struct cache_trimmer *h);

/* There may be something to do: starts it now or later. */
void cache_trimmer_kick(struct cache_trimmer *h);

/* From now on nothing is started; what runs is told to stop. */
void cache_trimmer_stop(struct cache_trimmer *h);

bool cache_trimmer_is_busy(const struct cache_trimmer *h);
