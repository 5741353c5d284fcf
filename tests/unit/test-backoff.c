#include "base/backoff.h"

#include "base/clock.h"
#include "base/mem.h"
#include "test.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DRAWS = 20000 };

/* The smallest and the largest of many waits after so many failures. */
static void draw(const struct backoff *like, unsigned failures, int64_t *ret_min, int64_t *ret_max)
{
    struct backoff b = *like;
    *ret_min = INT64_MAX;
    *ret_max = INT64_MIN;
    for (int i = 0; i < DRAWS; i++) {
        b.failures = failures;
        int64_t ms = backoff_next_ms(&b, 0);
        *ret_min = MIN(*ret_min, ms);
        *ret_max = MAX(*ret_max, ms);
    }
}

/* From 0 to the ceiling, and near enough to both ends that nothing is left out. */
static void check_ceiling(const struct backoff *like, unsigned failures, int64_t ceiling_ms)
{
    int64_t min, max;
    draw(like, failures, &min, &max);
    CHECK(min >= 0);
    CHECK(min <= ceiling_ms / 100);
    CHECK(max <= ceiling_ms);
    CHECK(max >= ceiling_ms - ceiling_ms / 100);
}

static void waits_double_with_each_failure_up_to_the_cap(void)
{
    struct backoff b = {.base_ms = 1000, .max_ms = 60000, .random = 7};
    static const int64_t ceilings[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    for (unsigned i = 0; i < ARRAY_LEN(ceilings); i++)
        check_ceiling(&b, i, ceilings[i]);
}

static void each_call_counts_a_failure(void)
{
    struct backoff b = {.base_ms = 1000, .max_ms = 60000, .random = 7};
    for (unsigned i = 0; i < 10; i++) {
        CHECK_INT(b.failures, i);
        backoff_next_ms(&b, 0);
    }
}

static void many_failures_stay_at_the_cap(void)
{
    struct backoff b = {.base_ms = 1000, .max_ms = 60000, .random = 7};
    check_ceiling(&b, 1000000, 60000);
    check_ceiling(&b, UINT32_MAX - 1, 60000);
}

static void a_base_above_the_cap_is_cut(void)
{
    struct backoff b = {.base_ms = 90000, .max_ms = 60000, .random = 7};
    check_ceiling(&b, 0, 60000);
    check_ceiling(&b, 3, 60000);
}

static void a_base_of_one_millisecond_gives_both_ends(void)
{
    struct backoff b = {.base_ms = 1, .max_ms = 1, .random = 7};
    int64_t min, max;
    draw(&b, 0, &min, &max);
    CHECK_INT(min, 0);
    CHECK_INT(max, 1);
}

static void at_least_is_obeyed(void)
{
    struct backoff b = {.base_ms = 1000, .max_ms = 60000, .random = 7};
    for (int i = 0; i < DRAWS; i++) {
        b.failures = 2;
        int64_t ms = backoff_next_ms(&b, 3000);
        CHECK(ms >= 3000 && ms <= 4000);
    }
}

/* A server that says "in an hour" is asked in an hour, not after the cap. */
static void at_least_may_be_above_the_cap(void)
{
    struct backoff b = {.base_ms = 1000, .max_ms = 60000, .random = 7};
    CHECK_INT(backoff_next_ms(&b, 3600000), 3600000);
}

static void a_negative_at_least_is_none(void)
{
    struct backoff b = {.base_ms = 1000, .max_ms = 60000, .random = 7};
    for (int i = 0; i < DRAWS; i++)
        CHECK(backoff_next_ms(&b, -1) >= 0);
}

static void a_success_begins_from_the_first_ceiling(void)
{
    struct backoff b = {.base_ms = 1000, .max_ms = 60000, .random = 7};
    for (int i = 0; i < 20; i++)
        backoff_next_ms(&b, 0);
    backoff_reset(&b);
    check_ceiling(&b, b.failures, 1000);
    CHECK_INT(b.failures, 0);
}

/* Each quarter of the range is met about as often as the others. */
static void waits_are_spread_evenly(void)
{
    struct backoff b = {.base_ms = 999, .max_ms = 999, .random = 7};
    int quarters[4] = {0};
    for (int i = 0; i < DRAWS; i++)
        quarters[backoff_next_ms(&b, 0) / 250]++;
    for (int i = 0; i < 4; i++)
        CHECK(abs(quarters[i] - DRAWS / 4) < DRAWS / 40);
}

static void other_seeds_give_other_waits(void)
{
    struct backoff a = {.base_ms = 1000000, .max_ms = 1000000, .random = 1};
    struct backoff b = {.base_ms = 1000000, .max_ms = 1000000, .random = 2};
    int same = 0;
    for (int i = 0; i < 100; i++)
        same += backoff_next_ms(&a, 0) == backoff_next_ms(&b, 0);
    CHECK(same < 3);
}

static void any_seed_will_do(void)
{
    struct backoff zero = {.base_ms = 1000, .max_ms = 1000};
    check_ceiling(&zero, 0, 1000);
    struct backoff ones = {.base_ms = 1000, .max_ms = 1000, .random = UINT64_MAX};
    check_ceiling(&ones, 0, 1000);
}

static void seeds_differ(void)
{
    CHECK(backoff_seed() != backoff_seed());
}

static bool no_random_numbers;

/* In libc's place. */
ssize_t getrandom(void *bytes, size_t len, unsigned flags)
{
    errno = ENOSYS;
    return no_random_numbers ? -1 : syscall(SYS_getrandom, bytes, len, flags);
}

static void without_random_numbers_the_clock_is_the_seed(void)
{
    no_random_numbers = true;
    clock_test_freeze(123456);
    uint64_t seed = backoff_seed();
    clock_test_freeze(-1);
    no_random_numbers = false;
    CHECK_INT(seed, 123456);
}

static void check_jitter(int64_t interval_ms, int64_t want_min, int64_t want_max)
{
    uint64_t random = 7;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (int i = 0; i < DRAWS; i++) {
        int64_t ms = backoff_jitter_ms(&random, interval_ms);
        min = MIN(min, ms);
        max = MAX(max, ms);
    }
    CHECK_INT(min, want_min);
    CHECK_INT(max, want_max);
}

static void jitter_is_a_tenth_more_or_less(void)
{
    check_jitter(5000, 4500, 5500);
    check_jitter(100, 90, 110);
    check_jitter(10, 9, 11);
}

static void a_short_interval_stays_as_it_is(void)
{
    check_jitter(9, 9, 9);
    check_jitter(1, 1, 1);
    check_jitter(0, 0, 0);
}

TEST_MAIN(TEST(waits_double_with_each_failure_up_to_the_cap), TEST(each_call_counts_a_failure),
          TEST(many_failures_stay_at_the_cap), TEST(a_base_above_the_cap_is_cut),
          TEST(a_base_of_one_millisecond_gives_both_ends), TEST(at_least_is_obeyed),
          TEST(at_least_may_be_above_the_cap), TEST(a_negative_at_least_is_none),
          TEST(a_success_begins_from_the_first_ceiling), TEST(waits_are_spread_evenly),
          TEST(other_seeds_give_other_waits), TEST(any_seed_will_do), TEST(seeds_differ),
          TEST(without_random_numbers_the_clock_is_the_seed), TEST(jitter_is_a_tenth_more_or_less),
          TEST(a_short_interval_stays_as_it_is))
