#pragma once

/*
 * The messages of the pytest plugin while the tests run (format: src/pytest/ostest_pytest.py). They
 * become a report of their own, for runs that could not write one, and reveal a report that is not
 * about this run.
 */

#include "base/json.h"
#include "base/strv.h"
#include "model/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Limits that the plugin observes: it shortens texts and ids before it sends them. */
#define EVENTS_MAX_MESSAGE_BYTES 65536
#define EVENTS_MAX_ID_BYTES      20000
#define EVENTS_MAX_TESTS         500000
/* Total size of all ids. */
#define EVENTS_MAX_IDS_BYTES (64U << 20)
/* Total size of all descriptions; those beyond it are dropped. */
#define EVENTS_MAX_TEXT_BYTES (64U << 20)
/* Total size of all messages. */
#define EVENTS_MAX_BYTES ((uint64_t)1 << 30)
/* Number of pytest sessions in one run. */
#define EVENTS_MAX_SESSIONS 1000

struct events;

struct events *events_new(void);
void events_free(struct events *e);

/*
 * Parses a message: an object of a few members without nested values, so that a message costs
 * little more to parse than to send. Returns a new reference, or NULL for any other text.
 */
json_t *events_parse(const char *message, size_t len);

enum events_kind { EVENTS_OTHER, EVENTS_START, EVENTS_END };

/*
 * Processes one message of a session, which begins with its "hello". Anything that the plugin would
 * not send (a second hello, an invalid event, an exceeded limit) is a fault.
 */
enum events_kind events_take(struct events *e, unsigned session, const char *message, size_t len);

/* Records a fault for events_compare() to report. The first one counts; `what` is a sentence. */
void events_fault(struct events *e, const char *what);

/* Returns the first fault, or NULL. Valid until events_free(). */
const char *events_first_fault(const struct events *e);

/* Returns true if any pytest session has begun. */
bool events_has_session(const struct events *e);

/*
 * Sets the resource use of the test that ended last. `cpu_us` below 0: not measured, the plugin's
 * value stays.
 */
void events_set_usage(struct events *e, uint64_t memory_bytes, int64_t cpu_us);

/* Returns the test that started last, or NULL. Valid until the next event. */
const struct report_case *events_last_started(const struct events *e);

/* Returns the test that ended last, or NULL. Valid until the next event. */
const struct report_case *events_last_ended(const struct events *e);

/* Returns the number of tests that were planned or started. */
size_t events_count(const struct events *e);

/* Returns the number of tests that ended. */
size_t events_count_ended(const struct events *e);

/*
 * Returns a sentence about the tests that were planned or started but did not end; NULL if there
 * are none. The caller frees.
 */
char *events_missed(const struct events *e);

/*
 * Moves out the tests in the order of the plan: those that ended with their outcome; one that
 * started but did not end as failed, described by `why_stopped`; the rest as skipped, "not run".
 * `ret_running`: the index of the running test, or -1.
 */
void events_report(struct events *e, const char *why_stopped, struct report *ret_report,
                   ssize_t *ret_running);

/*
 * Compares a report with the events, and adds the measurements to the report. Returns NULL if they
 * agree or there are no events; else a sentence about the difference, which the caller frees.
 * `connected`: names of the tests that decide alone; NULL: all do.
 */
char *events_compare(const struct events *e, const struct strv *connected, struct report *report);
