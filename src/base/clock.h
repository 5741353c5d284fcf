#pragma once

/*
 * Time. Limits, intervals and back-off use the monotonic clock in milliseconds; the wall clock
 * is for log lines and for dates that somebody else sent.
 */

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t clock_now_ms(void);

/* `ms` from now; CLOCK_NEVER where `ms` is 0 ("no limit"). */
int64_t clock_deadline_ms(int64_t ms);

/* What is left until `deadline_ms`, never below 0, as poll(2) takes it: -1 for CLOCK_NEVER. */
int clock_poll_timeout_ms(int64_t deadline_ms);

/* Milliseconds since 1970, by the wall clock: for the eye, and for other programs. */
int64_t clock_wall_ms(void);

/* A time of the wall clock as text, as below. */
void clock_text(const struct timespec *when, char *ret_text, size_t size);

/* The wall clock as "2026-11-23T02:31:02.123Z" (RFC 3339, UTC). `size` of at least 25. */
void clock_wall_text(char *ret_text, size_t size);

/* Tests only: lets the monotonic clock stand at `ms`; a negative value lets it run again. */
void clock_test_freeze(int64_t ms);
