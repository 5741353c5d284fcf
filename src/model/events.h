#pragma once

/*
 * What the pytest plugin tells while the tests run (src/pytest/ostest_pytest.py has the format):
 * taken message by message, it becomes a report of its own, for runs that did not come to write one,
 * and shows where a report that was written is not about this run.
 */

#include "base/json.h"
#include "base/strv.h"
#include "model/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the plugin keeps to: it cuts texts and ids before it sends them. */
#define EVENTS_MAX_MESSAGE_BYTES 65536
#define EVENTS_MAX_ID_BYTES      20000
#define EVENTS_MAX_TESTS         500000
/* All ids together. */
#define EVENTS_MAX_IDS_BYTES (64U << 20)
/* All descriptions together; those past it are left out. */
#define EVENTS_MAX_TEXT_BYTES (64U << 20)
/* All messages together. */
#define EVENTS_MAX_BYTES ((uint64_t)1 << 30)
/* Sessions of pytest in one run. */
#define EVENTS_MAX_SESSIONS 1000

struct events;

struct events *events_new(void);
void events_free(struct events *e);

/*
 * Parses a message: an object of a few members without any structure of its own, so that no message costs
 * much more than it cost its sender. NULL: it is no such object; else a new reference.
 */
json_t *events_parse(const char *message, size_t len);

enum events_kind { EVENTS_OTHER, EVENTS_START, EVENTS_END };

/*
 * Takes one message of a session, which begins with its "hello". What the plugin would not send (a second
 * hello, what is no event, what is over a limit) is a fault.
 */
enum events_kind events_take(struct events *e, unsigned session, const char *message, size_t len);

/* Something is wrong with what is told: events_compare() says so. The first fault counts; `what` is a
 * sentence. */
void events_fault(struct events *e, const char *what);

/* The first fault; NULL: there was none. Valid until events_free(). */
const char *events_first_fault(const struct events *e);

/* Whether any session of pytest began. */
bool events_has_session(const struct events *e);

/*
 * What the test that ended last used. `cpu_us` below 0: not measured, what the plugin told stands.
 */
void events_set_usage(struct events *e, uint64_t memory_bytes, int64_t cpu_us);

/* The test that started last; NULL if none has. Valid until the next event. */
const struct report_case *events_last_started(const struct events *e);

/* The test that ended last; NULL if none has. Valid until the next event. */
const struct report_case *events_last_ended(const struct events *e);

/* How many tests were planned or started. */
size_t events_count(const struct events *e);

/* How many tests ended. */
size_t events_count_ended(const struct events *e);

/*
 * A sentence about the tests that were planned or started and did not end; NULL if there are none. The
 * caller frees.
 */
char *events_missed(const struct events *e);

/*
 * Moves out the tests in the order of the plan: those that ended as they ended; one that had started
 * but not ended failed, with `why_stopped` as its description; the rest skipped, "not run".
 * `ret_running`: the index of the one that was running, or -1.
 */
void events_report(struct events *e, const char *why_stopped, struct report *ret_report,
                   ssize_t *ret_running);

/*
 * Compares a report with what was told. NULL if they agree, or nothing was told; else a sentence
 * that says where they do not, which the caller frees. Puts what was measured into the report.
 * `connected`: names of the tests that decide alone; NULL: all do.
 */
char *events_compare(const struct events *e, const struct strv *connected, struct report *report);
