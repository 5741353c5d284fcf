#pragma once

/*
 * How long to wait before the next try: exponential, fully jittered (uniform between 0 and the
 * current ceiling), so that many waiting parties do not come back at the same moment.
 */

#include <stdint.h>

struct backoff {
    int64_t base_ms; /* the first ceiling */
    int64_t max_ms;  /* the last */
    unsigned failures;
    uint64_t random; /* state; any value */
};

/* A state that differs between machines and starts. */
uint64_t backoff_seed(void);

/* Counts a failure and gives the wait before the next try, at least `at_least_ms`. */
int64_t backoff_next_ms(struct backoff *b, int64_t at_least_ms);
void backoff_reset(struct backoff *b);

/* `interval_ms` with a tenth more or less. */
int64_t backoff_jitter_ms(uint64_t *random, int64_t interval_ms);

/* A random time from 0 to `max_ms`, both included. */
int64_t backoff_uniform_ms(uint64_t *random, int64_t max_ms);
