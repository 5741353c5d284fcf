#pragma once

/*
 * What the pytest plugin told during a run (src/pytest/ostest_pytest.py has the format): bytes in,
 * a report out, for runs that did not come to write their own.
 */

#include "base/err.h"
#include "model/report.h"

#include <stddef.h>
#include <sys/types.h>

#define EVENTS_MAX_BYTES      (64U << 20)
#define EVENTS_MAX_LINE_BYTES 65536
#define EVENTS_MAX_TESTS      500000

/*
 * The tests in the order of the plan: those that ended as they ended; one that had started but not
 * ended failed, with `why_stopped` as its description; the rest were skipped, "not run". Lines that
 * are no events are passed over. `ret_running`: the index of the one that was running, or -1.
 */
int events_report(const char *text, size_t len, const char *why_stopped, struct report *ret_report,
                  ssize_t *ret_running, struct err *err);
