#pragma once

/* Runs the suite's command on the student's files, within the limits. */

#include "base/err.h"
#include "base/proc.h"
#include "base/strv.h"
#include "job/env.h"
#include "job/job.h"
#include "job/sandbox_run.h"
#include "model/events.h"

struct run {
    struct proc_run proc;       /* how the suite ended; in a sandbox, not how bwrap did */
    struct sandbox_run sandbox; /* all zero without a sandbox */
    struct events *events;      /* reported by our pytest plugin; owned */
    char *loaded;               /* loaded file that is not the suite's; NULL: none; owned */
    bool was_stopped;           /* a pytest of the suite was stopped, and its time limits with it */
    char *last_words;           /* the last line of output; NULL: none; owned */
};

/* What to run; all borrowed. */
struct run_wants {
    const struct strv *argv;
    const struct strv *may_change; /* files of the suite that may change; NULL: none */
    const struct strv *names;      /* the tests that our pytest plugin selects; NULL: all */
    bool until_session;            /* stops the run as soon as pytest begins a session */
    uint64_t output_bytes;         /* kept of each stream */
    int64_t timeout_ms;            /* applies if stricter than the job's --timeout; 0: none */
    bool without_src;              /* leaves out the student's files */
};

/*
 * Runs the command in the suite's directory. Output goes to stdout.log and stderr.log in the job's
 * directory, the report to job->report. `run` was initialised with run_init(); the caller ends it
 * with run_done(), also after an error.
 */
int run_tests(const struct job *job, const struct env *env, const struct run_wants *wants, struct run *run,
              struct err *err);
void run_init(struct run *run);
void run_done(struct run *run);
