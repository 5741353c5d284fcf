#pragma once

/* The runner's event loop: see the head of supervisor.c. */

#include "base/err.h"
#include "runner/config/options.h"

/*
 * Works until it is told to stop, or until --max-tasks are done. The state directory exists and
 * is locked; `job_program` is the path of ostest-job. Gives the exit status of the program.
 */
int supervisor_run(struct options *options, const char *job_program, struct err *err);
