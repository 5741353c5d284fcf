#pragma once

/*
 * The test suite: which kind it is, and the command line that runs it for a task. docs/suites.md
 * is the page for those who write one.
 */

#include "base/err.h"
#include "base/strv.h"
#include "job/env.h"
#include "job/job.h"
#include "job/repo.h"

#include <stdbool.h>

struct suite_kind;

struct suite {
    const struct suite_kind *kind;
    struct strv command;    /* of the manifest */
    char *requirements;     /* path of the requirements file; NULL: the suite has none */
    struct strv may_change; /* files of the suite that may change during a run; patterns */
    bool needs_python;
    bool needs_pytest; /* also where no requirements say so */
    struct strv knows; /* what the help text of the suite's command showed */
    char *doubt;       /* why the help could not be used, for the log; NULL: it could; owned */
};

/*
 * All that comes before a run: finds out what lies in job->tests, prepares what that needs, and finds out
 * what the suite knows, once per `commit` (it is kept in the cache): from the help text of its command, and
 * from whether pytest starts. A run_tests.py without a usable help gets the options of 2024; `doubt` says
 * why, and it is asked again for the next task. Class environment where it is no suite, or its manifest is
 * wrong. The caller ends both.
 */
int suite_prepare(struct suite *suite, const struct job *job, const char *commit, struct env *ret_env,
                  struct err *err);

/*
 * The command line for the task. Class task where a connected test's name cannot be handed to the
 * suite without changing what it selects.
 */
int suite_command(const struct suite *suite, const struct job *job, const struct env *env,
                  struct strv *ret_argv, struct err *err);

/*
 * Returns the names of the connected tests that our pytest plugin selects, if it is loaded; NULL: none.
 * Borrowed from the task.
 */
const struct strv *suite_selected(const struct suite *suite, const struct task *task);

/*
 * Returns true if the selection is left to the suite, as its manifest has {tests}. If not, only the
 * connected tests count, whatever else ran.
 */
bool suite_selects_alone(const struct suite *suite);

/* Whether it runs pytest in the environment that is made for it, so that our plugin tells of its tests. */
bool suite_runs_pytest(const struct suite *suite);

const char *suite_kind_name(const struct suite *suite);
void suite_done(struct suite *suite);
