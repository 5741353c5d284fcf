#pragma once

/* Reads the report that the suite wrote and passes it with the run's end to model/verdict. */

#include "base/err.h"
#include "job/job.h"
#include "job/run.h"
#include "model/report.h"
#include "model/result.h"
#include "model/verdict.h"

/*
 * Reads the JUnit report at `path`: only a regular file, never through a symbolic link. Returns an
 * error of class task if it is missing, empty or damaged, of class limit if it is too large.
 */
int judge_read_report(const char *path, struct report *ret_report, struct err *err);

/* Parses a predefined report in memory. */
int judge_parse_report(const char *text, size_t len, struct report *ret_report, struct err *err);

struct judge_wants {
    bool only_connected; /* see struct verdict_input */
    bool has_pytest;     /* runs pytest with our plugin: nothing passes without its events */
};

/* Determines the result of a run. */
void judge_run(const struct job *job, const struct run *run, const struct judge_wants *wants,
               struct result *ret_result);

/* Writes jobs/<key>/result.json, the body of the POST, durably and atomically. */
int judge_write_result(const struct job *job, const struct result *result, struct err *err);
