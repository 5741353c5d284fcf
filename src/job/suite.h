#pragma once

/*
 * The test suite: its kind, and the command line that runs it for a task. docs/suites.md is the
 * page for authors of suites.
 */

#include "base/err.h"
#include "base/strv.h"
#include "job/env.h"
#include "job/git/repo.h"
#include "job/job.h"

#include <stdbool.h>

struct suite_kind;

struct suite {
    const struct suite_kind *kind;
    struct strv command;    /* of the manifest */
    char *requirements;     /* path of the requirements file; NULL: the suite has none */
    struct strv may_change; /* patterns of files of the suite that may change during a run */
    bool needs_python;
    bool needs_pytest; /* even if no requirements name it */
    struct strv knows; /* options and features that the suite has, mostly from its help text */
    char *doubt;       /* why the help could not be used, for the log; NULL: it could; owned */
};

/*
 * Prepares a run: determines the kind of the suite in job->tests, prepares its environment, and
 * finds out which options it has, and whether it runs pytest: from the help text of its command,
 * and from a trial run. The answer is cached for each `commit`. A run_tests.py without usable help
 * gets the options of 2024; `doubt` says why, and the next task asks again. Returns an error of
 * class environment if it is not a suite or its manifest is wrong. The caller ends `suite` and
 * `ret_env`, also after an error.
 */
int suite_prepare(struct suite *suite, const struct job *job, const char *commit, struct env *ret_env,
                  struct err *err);

/*
 * Builds the command line for the task. Returns an error of class task if the name of a connected
 * test cannot be passed to the suite without selecting something else.
 */
int suite_command(const struct suite *suite, const struct job *job, const struct env *env,
                  struct strv *ret_argv, struct err *err);

/*
 * Returns the names of the connected tests for our pytest plugin, which selects them if it is
 * loaded; NULL if it selects nothing. Borrowed from the task.
 */
const struct strv *suite_selected(const struct suite *suite, const struct task *task);

/*
 * Returns true if the suite itself selects the tests, since its manifest has {tests}. If not, only
 * the connected tests count, whatever else ran.
 */
bool suite_selects_alone(const struct suite *suite);

/* Returns true if the suite runs pytest with our plugin, which then reports its tests. */
bool suite_runs_pytest(const struct suite *suite);

const char *suite_kind_name(const struct suite *suite);
void suite_done(struct suite *suite);
