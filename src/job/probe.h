#pragma once

/* Checks parts of a job without a task, for `doctor` and the runner's start. */

#include "base/err.h"
#include "job/job.h"

/* Starts a program in the sandbox, with all limits. */
int probe_sandbox(struct job *job, struct err *err);

/* Fetches the suite, prepares its environment, and reads its help. */
int probe_suite(struct job *job, struct err *err);

/* Does both, as a job on a node of a cluster, and logs how memory is measured there. */
int probe_node(struct job *job, struct err *err);
