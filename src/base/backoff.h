#pragma once

/*
 * Exponential backoff with full jitter: uniform between 0 and the current ceiling, so that many
 * clients do not retry at the same moment.
 */

#include <stdint.h>

struct backoff {
    int64_t base_ms; /* the first ceiling */
    int64_t max_ms;  /* the last ceiling */
    unsigned failures;
    uint64_t random; /* state; any value */
};

/* Returns a random initial state. */
uint64_t backoff_seed(void);

/* Counts a failure and returns the time to wait before the retry, at least `at_least_ms`. */
int64_t backoff_next_ms(struct backoff *b, int64_t at_least_ms);
void backoff_reset(struct backoff *b);

/* Returns `interval_ms`, changed at random by up to a tenth. */
int64_t backoff_jitter_ms(uint64_t *random, int64_t interval_ms);

/* Returns a random time from 0 to `max_ms`, inclusive. */
int64_t backoff_uniform_ms(uint64_t *random, int64_t max_ms);
