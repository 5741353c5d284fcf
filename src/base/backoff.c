#include "base/backoff.h"

#include "base/clock.h"
#include "base/mem.h"

#include <sys/random.h>

uint64_t backoff_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = (uint64_t)clock_now_ms();
    return seed;
}

/* SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to spread requests. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t backoff_uniform_ms(uint64_t *random, int64_t max_ms)
{
    return (int64_t)(next_random(random) % (uint64_t)(max_ms + 1));
}

int64_t backoff_next_ms(struct backoff *b, int64_t at_least_ms)
{
    int64_t ceiling = b->base_ms;
    for (unsigned i = 0; i < b->failures && ceiling < b->max_ms; i++)
        ceiling *= 2;
    ceiling = MIN(ceiling, b->max_ms);
    b->failures++;
    int64_t wait_ms = backoff_uniform_ms(&b->random, ceiling); /* MAX() evaluates it twice */
    return MAX(wait_ms, at_least_ms);
}

void backoff_reset(struct backoff *b)
{
    b->failures = 0;
}

int64_t backoff_jitter_ms(uint64_t *random, int64_t interval_ms)
{
    int64_t tenth = interval_ms / 10;
    return interval_ms - tenth + backoff_uniform_ms(random, 2 * tenth);
}
