#pragma once

/* Parts of a job without a task, for those who ask beforehand whether they would work. */

#include "base/err.h"
#include "job/job.h"

/* Starts a program in the sandbox, with its limits and all. */
int probe_sandbox(struct job *job, struct err *err);

/* Fetches the suite, prepares its environment, and asks it what it knows. */
int probe_suite(struct job *job, struct err *err);

/* All of it, as a job on a node of a cluster. */
int probe_node(struct job *job, struct err *err);
