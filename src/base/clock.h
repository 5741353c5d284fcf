#pragma once

/*
 * Time. Limits, intervals and backoff use the monotonic clock in milliseconds; the wall clock is
 * for log lines and for dates received from other machines.
 */

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

/* Returns CLOCK_MONOTONIC in milliseconds. */
int64_t clock_now_ms(void);

/* Returns the time `ms` from now; CLOCK_NEVER if `ms` is 0 ("no limit"). */
int64_t clock_deadline_ms(int64_t ms);

/*
 * Returns the time left until `deadline_ms`, at least 0, as a timeout for poll(2): -1 for
 * CLOCK_NEVER.
 */
int clock_poll_timeout_ms(int64_t deadline_ms);

/* Returns the wall clock in milliseconds since 1970: for display, and for other programs. */
int64_t clock_wall_ms(void);

/* Formats a time of the wall clock, as below. */
void clock_text(const struct timespec *when, char *ret_text, size_t size);

/* Formats the wall clock as "2026-11-23T02:31:02.123Z" (RFC 3339, UTC). `size`: at least 25. */
void clock_wall_text(char *ret_text, size_t size);

/* Tests only: stops the monotonic clock at `ms`; a negative value starts it again. */
void clock_test_freeze(int64_t ms);
