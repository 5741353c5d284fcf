#pragma once

/* The test run itself: the suite's command on the student's files, within its limits. */

#include "base/err.h"
#include "base/proc.h"
#include "base/strv.h"
#include "job/env.h"
#include "job/job.h"

/* What our pytest plugin is for: not loaded; tells of its events; also selects the connected tests. */
enum run_plugin { RUN_PLUGIN_NONE, RUN_PLUGIN_EVENTS, RUN_PLUGIN_SELECTS };

struct run {
    struct proc_run proc; /* how it ended */
    char *last_words;     /* the last line that it wrote; "" where there is none; owned */
};

/*
 * Runs `argv` in job->tests; the output goes into stdout.log and stderr.log of the job's directory.
 * `plugin`: loads our pytest plugin, which writes its events to job->events.
 */
int run_tests(const struct job *job, const struct env *env, const struct strv *argv, enum run_plugin plugin,
              struct run *ret_run, struct err *err);
void run_done(struct run *run);
