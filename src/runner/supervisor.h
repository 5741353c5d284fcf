#pragma once

/* The event loop of the agent, see the comment in supervisor.c. */

#include "base/err.h"
#include "runner/config/options.h"

/*
 * Runs until a stop is requested or --max-tasks are done. The state directory must exist and be
 * locked. `job_program` is the path of ostest-job. Returns the exit status of the program.
 */
int supervisor_run(struct options *options, const char *job_program, struct err *err);
