#pragma once

/*
 * Starts jobs that trim the cache, outside of the slots: at the start and after tasks, with a
 * minimal interval.
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

/* Requests trimming, now or after the interval. */
void cache_trimmer_kick(struct cache_trimmer *h);

/* Starts no more jobs and stops a running one. */
void cache_trimmer_stop(struct cache_trimmer *h);

bool cache_trimmer_is_busy(const struct cache_trimmer *h);
