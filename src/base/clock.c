#include "base/clock.h"

#include "base/mem.h"

#include <limits.h>
#include <stdio.h>

static int64_t frozen_ms = -1; /* for tests only, see clock_test_freeze() */

int64_t clock_now_ms(void)
{
    if (frozen_ms >= 0)
        return frozen_ms;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_deadline_ms(int64_t ms)
{
    int64_t now = clock_now_ms();
    return ms == 0 || ms > CLOCK_NEVER - now ? CLOCK_NEVER : now + ms;
}

int clock_poll_timeout_ms(int64_t deadline_ms)
{
    if (deadline_ms == CLOCK_NEVER)
        return -1;
    int64_t left = deadline_ms - clock_now_ms();
    return (int)MIN(MAX(left, (int64_t)0), (int64_t)INT_MAX);
}

int64_t clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_text(const struct timespec *when, char *ret_text, size_t size)
{
    struct tm tm;
    gmtime_r(&when->tv_sec, &tm);
    char seconds[24];
    strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text, size, "%s.%03ldZ", seconds, when->tv_nsec / 1000000);
}

void clock_wall_text(char *ret_text, size_t size)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_text(&now, ret_text, size);
}

void clock_test_freeze(int64_t ms)
{
    frozen_ms = ms;
}
