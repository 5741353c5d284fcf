#pragma once

/* Whether a cluster would do its work, asked before there is any: at the start, and by `doctor`. Waits. */

#include "base/err.h"
#include "runner/config/options.h"

#include <stdbool.h>

/*
 * Whether Slurm would take the job of a task. Class network where it does not answer, which may change;
 * class environment where it refuses, or its commands are missing.
 */
int slurm_check_request(const struct options *options, const char *job_program, struct err *err);

/* What is said of each node; `is_well`: tasks can run there. */
typedef void slurm_check_node_fn(const char *node, bool is_well, const char *text, void *data);

/* Tries each node that takes jobs, all at the same time, with the sandbox and the suite. */
int slurm_check_nodes(const struct options *options, const char *job_program, slurm_check_node_fn *fn,
                      void *data, struct err *err);
