#pragma once

/*
 * From what happened to what is posted (docs/protocol.md, "From a report to a result"). Pure: all
 * that it needs is handed in. It fails closed: only a run that ended by itself, with a whole report
 * in which every case passed, and in which every connected test was found, is a pass.
 */

#include "base/err.h"
#include "base/strv.h"
#include "model/report.h"
#include "model/result.h"

#include <stdbool.h>
#include <stdint.h>

/* The name of the entry in testResults that tells why a result with tests is no pass, beside those of the
 * tests. */
#define VERDICT_RUN_NAME "(test run)"

/* How the test run ended. */
struct verdict_run {
    bool exited; /* by itself, with `status`; else by `signal` */
    int status;
    int signal;
    bool timed_out;
    int64_t timeout_ms;
    int64_t wall_ms;
    const char *ended_for;  /* a sentence: why it was ended otherwise; NULL: it was not */
    const char *running;    /* the test that was running when it was ended; NULL: unknown */
    const char *last_words; /* the last line of its output, for the reader of an error; NULL: none */
};

struct verdict_input {
    struct verdict_run run;
    struct report *report; /* NULL: there is none */
    const struct err
        *report_error;        /* with a message: the suite's own report cannot be read, and this says why */
    const struct strv *tests; /* the connected tests; empty: all */
    const char *missed; /* a sentence: not all tests ran to their end, so it is no pass; NULL: all did */
    const char *disagreement;  /* a sentence: why the report is not believed; NULL: it is */
    const struct strv *limits; /* a sentence for each limit that was hit, and whatever else may explain a
                                  failure; NULL: none */
    const char *remark;        /* a sentence that explains none: output was dropped; NULL: none */
    bool only_connected;       /* the suite could not be told which tests to run: leave out the others */
};

/*
 * Moves the texts out of the report. Whatever keeps a result with tests from being a pass is among its tests
 * as well, since the backend's front end shows nothing else: a connected test that is not there under its
 * name, and in one entry named VERDICT_RUN_NAME all other causes that no test shows by itself. `ret_result`
 * is ended by the caller.
 */
void verdict_judge(const struct verdict_input *in, struct result *ret_result);
