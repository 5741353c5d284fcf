#pragma once

/* Reads the report that the suite wrote, and hands it with the run's end to model/verdict. */

#include "base/err.h"
#include "job/job.h"
#include "job/run.h"
#include "model/report.h"
#include "model/result.h"
#include "model/verdict.h"

/*
 * Reads the JUnit report at `path`: only a regular file, never through a symbolic link. Class
 * task where it is missing, empty or damaged, class limit where it is too large.
 */
int judge_read_report(const char *path, struct report *ret_report, struct err *err);

/* As above from memory, for predefined reports. */
int judge_parse_report(const char *text, size_t len, struct report *ret_report, struct err *err);

struct judge_wants {
    bool only_connected; /* see struct verdict_input */
    bool has_pytest;     /* the suite runs pytest with our plugin: without it there is no pass */
};

/* The result of a run. */
void judge_run(const struct job *job, const struct run *run, const struct judge_wants *wants,
               struct result *ret_result);

/* Writes jobs/<key>/result.json, durably and in one step: the body of the POST. */
int judge_write_result(const struct job *job, const struct result *result, struct err *err);
