#pragma once

/*
 * Turns a run into a result (docs/protocol.md, "From a report to a result"), without I/O. It fails
 * closed: a run passes only if it ended by itself, with a complete report in which every case
 * passed and every connected test was found.
 */

#include "base/err.h"
#include "base/strv.h"
#include "model/report.h"
#include "model/result.h"

#include <stdbool.h>
#include <stdint.h>

/* The name of the entry in testResults that explains why a result with tests is not a pass. */
#define VERDICT_RUN_NAME "(test run)"

/* How the test run ended. */
struct verdict_run {
    bool exited; /* ended with `status`; else by `signal` */
    int status;
    int signal;
    bool timed_out;
    int64_t timeout_ms;
    int64_t wall_ms;
    const char *ended_for;  /* a sentence: why it was ended; NULL: it was not */
    const char *running;    /* the test that was running when it was ended; NULL: unknown */
    const char *last_words; /* last line of its output; NULL: none */
};

struct verdict_input {
    struct verdict_run run;
    struct report *report;          /* NULL: none */
    const struct err *report_error; /* with a message: why the suite's report cannot be read */
    const struct strv *tests;       /* the connected tests; empty: all */
    const char *missed;             /* a sentence: not all tests ended, so no pass; NULL: all did */
    const char *disagreement;       /* a sentence: why the report is not trusted; NULL: it is */
    const struct strv *limits;      /* sentences: limits that were hit, other causes; or NULL */
    const char *remark;             /* a sentence that explains no failure; NULL: none */
    bool only_connected;            /* the suite ran all tests: leave out the others */
};

/*
 * Moves the texts out of the report. Whatever keeps a result with tests from being a pass is also
 * among its tests, since the backend's front end shows nothing else: a missing connected test under
 * its name, and all other causes that no test shows in one entry named VERDICT_RUN_NAME. The caller
 * releases `ret_result`.
 */
void verdict_judge(const struct verdict_input *in, struct result *ret_result);
