#pragma once

/* The test run itself: the suite's command on the student's files, within its limits. */

#include "base/err.h"
#include "base/proc.h"
#include "base/strv.h"
#include "job/box.h"
#include "job/env.h"
#include "job/job.h"
#include "model/events.h"

/* What our pytest plugin is for: not loaded; tells of its events; also selects the connected tests. */
enum run_plugin { RUN_PLUGIN_NONE, RUN_PLUGIN_EVENTS, RUN_PLUGIN_SELECTS };

struct run {
    struct proc_run proc;  /* how it ended; with a sandbox, what the suite itself did */
    struct box box;        /* all zero without a sandbox */
    struct events *events; /* what the plugin told; owned */
    char *last_words;      /* the last line that it wrote; "" where there is none; owned */
};

/*
 * `run` comes from run_init(). Runs `argv` in the suite's directory; the output goes into stdout.log and stderr.log of the job's
 * directory, the report into job->report. `may_change`: files of the suite that may change meanwhile.
 */
int run_tests(const struct job *job, const struct env *env, const struct strv *argv,
              const struct strv *may_change, enum run_plugin plugin, struct run *run, struct err *err);
void run_init(struct run *run);
void run_done(struct run *run);
