#pragma once

/* The test run itself: the suite's command on the student's files, within its limits. */

#include "base/err.h"
#include "base/proc.h"
#include "base/strv.h"
#include "job/env.h"
#include "job/job.h"
#include "job/sandbox_run.h"
#include "model/events.h"

struct run {
    struct proc_run proc;       /* how it ended; with a sandbox, what the suite itself did */
    struct sandbox_run sandbox; /* all zero without a sandbox */
    struct events *events;      /* what our pytest plugin told; owned */
    char *loaded;     /* a file that was loaded from the suite's tree and is not the suite's; NULL: none */
    bool was_stopped; /* a pytest of the suite was stopped for some time, and its time limits with it */
    char *last_words; /* the last line that it wrote; "" where there is none; owned */
};

/* What is to be run; all borrowed. */
struct run_wants {
    const struct strv *argv;
    const struct strv *may_change; /* files of the suite that may change meanwhile; NULL: none */
    const struct strv *names;      /* the tests that our pytest plugin selects; NULL: all */
    bool until_session;            /* to see whether it runs pytest: ends the run as soon as it does */
    uint64_t output_bytes;         /* kept of each stream */
    int64_t timeout_ms;            /* less than the job's own limit for a run; 0: that */
    bool without_src;              /* the suite alone: there are no student's files to be seen */
};

/*
 * Runs it in the suite's directory; the output goes into stdout.log and stderr.log of the job's
 * directory, the report into job->report. `run` comes from run_init().
 */
int run_tests(const struct job *job, const struct env *env, const struct run_wants *wants, struct run *run,
              struct err *err);
void run_init(struct run *run);
void run_done(struct run *run);
