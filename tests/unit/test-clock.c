#include "base/clock.h"

#include "test.h"

#include <limits.h>

static void now_follows_the_monotonic_clock(void)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    int64_t now = clock_now_ms();
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK(now >= (int64_t)before.tv_sec * 1000 + before.tv_nsec / 1000000);
    CHECK(now <= (int64_t)after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

static void freeze_stops_the_clock_and_lets_it_run_again(void)
{
    clock_test_freeze(0);
    CHECK_INT(clock_now_ms(), 0);
    clock_test_freeze(123456);
    CHECK_INT(clock_now_ms(), 123456);
    clock_test_freeze(-1);
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    CHECK(clock_now_ms() >= (int64_t)ts.tv_sec * 1000);
}

static void a_deadline_is_so_far_from_now(void)
{
    clock_test_freeze(5000);
    CHECK_INT(clock_deadline_ms(1), 5001);
    CHECK_INT(clock_deadline_ms(600000), 605000);
    clock_test_freeze(-1);
}

static void zero_is_no_deadline(void)
{
    CHECK_INT(clock_deadline_ms(0), CLOCK_NEVER);
}

static void a_deadline_beyond_the_end_of_time_is_never(void)
{
    clock_test_freeze(5000);
    CHECK_INT(clock_deadline_ms(INT64_MAX), CLOCK_NEVER);
    CHECK_INT(clock_deadline_ms(INT64_MAX - 4999), CLOCK_NEVER);
    CHECK_INT(clock_deadline_ms(INT64_MAX - 5001), INT64_MAX - 1);
    clock_test_freeze(-1);
}

static void poll_timeout_is_what_is_left(void)
{
    clock_test_freeze(5000);
    CHECK_INT(clock_poll_timeout_ms(5001), 1);
    CHECK_INT(clock_poll_timeout_ms(7500), 2500);
    clock_test_freeze(-1);
}

static void poll_timeout_of_the_past_is_zero(void)
{
    clock_test_freeze(5000);
    CHECK_INT(clock_poll_timeout_ms(5000), 0);
    CHECK_INT(clock_poll_timeout_ms(4999), 0);
    CHECK_INT(clock_poll_timeout_ms(0), 0);
    clock_test_freeze(-1);
}

static void poll_timeout_of_never_is_infinite(void)
{
    clock_test_freeze(5000);
    CHECK_INT(clock_poll_timeout_ms(CLOCK_NEVER), -1);
    CHECK_INT(clock_poll_timeout_ms(clock_deadline_ms(0)), -1);
    clock_test_freeze(-1);
}

static void poll_timeout_fits_into_an_int(void)
{
    clock_test_freeze(5000);
    CHECK_INT(clock_poll_timeout_ms(5000 + (int64_t)INT_MAX), INT_MAX);
    CHECK_INT(clock_poll_timeout_ms(5000 + (int64_t)INT_MAX + 1), INT_MAX);
    CHECK_INT(clock_poll_timeout_ms(5000 + ((int64_t)1 << 32)), INT_MAX);
    CHECK_INT(clock_poll_timeout_ms(CLOCK_NEVER - 1), INT_MAX);
    clock_test_freeze(-1);
}

static void wall_text_is_rfc_3339_in_utc(void)
{
    char text[25];
    setenv("TZ", "Asia/Vladivostok", 1);
    tzset();
    time_t before = time(NULL);
    clock_wall_text(text, sizeof(text));
    CHECK_INT(strlen(text), 24);
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    CHECK(rest != NULL);
    CHECK(rest[0] == '.' && strspn(rest + 1, "0123456789") == 3);
    CHECK_STR(rest + 4, "Z");
    time_t got = timegm(&tm);
    CHECK(got >= before && got <= time(NULL));
    unsetenv("TZ");
    tzset();
}

static void wall_time_is_in_milliseconds_since_1970(void)
{
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    int64_t now = clock_wall_ms();
    clock_gettime(CLOCK_REALTIME, &after);
    CHECK(now >= (int64_t)before.tv_sec * 1000 + before.tv_nsec / 1000000);
    CHECK(now <= (int64_t)after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

TEST_MAIN(TEST(now_follows_the_monotonic_clock), TEST(freeze_stops_the_clock_and_lets_it_run_again),
          TEST(a_deadline_is_so_far_from_now), TEST(zero_is_no_deadline),
          TEST(a_deadline_beyond_the_end_of_time_is_never), TEST(poll_timeout_is_what_is_left),
          TEST(poll_timeout_of_the_past_is_zero), TEST(poll_timeout_of_never_is_infinite),
          TEST(poll_timeout_fits_into_an_int), TEST(wall_text_is_rfc_3339_in_utc),
          TEST(wall_time_is_in_milliseconds_since_1970))
