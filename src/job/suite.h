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
};

/*
 * All that comes before a run: finds out what lies in job->tests, prepares what that needs, and finds out
 * what the suite knows, once per `commit` (it is kept in the cache): from the help text of its command, and
 * from whether pytest starts. Class environment where it is no suite, or its manifest is wrong. The caller
 * ends both.
 */
int suite_prepare(struct suite *suite, const struct job *job, const char *commit, struct env *ret_env,
                  struct err *err);

/*
 * The command line for the task. Class task where a connected test's name cannot be handed to the
 * suite without changing what it selects.
 */
int suite_command(const struct suite *suite, const struct job *job, const struct env *env,
                  struct strv *ret_argv, struct err *err);

/* Whether the command line names the connected tests; if not, the verdict has to select them. */
bool suite_selects_tests(const struct suite *suite);

/*
 * Whether the connected tests are left to our plugin, and not to pytest's -k. That compares each part of a
 * node id alone ("test_a.py::test_b"; since pytest 8 also each directory), and many names are too much for
 * it.
 */
bool suite_selects_by_plugin(const struct suite *suite, const struct task *task);

/* Whether it runs pytest in the environment that is made for it, so that our plugin tells of its tests. */
bool suite_runs_pytest(const struct suite *suite);

const char *suite_kind_name(const struct suite *suite);
void suite_done(struct suite *suite);
