#pragma once

/*
 * Checks of the cluster, at the start and by `doctor`. They block.
 */

#include "base/err.h"
#include "runner/config/options.h"

#include <stdbool.h>

/*
 * Checks if Slurm would accept the job of a task. Fails with class network if it does not answer,
 * which may be temporary, and with class environment if it refuses, or if its commands are missing.
 */
int slurm_check_request(const struct options *options, const char *job_program, struct err *err);

/* Called for each node; `is_well`: tasks can run there. */
typedef void slurm_check_node_fn(const char *node, bool is_well, const char *text, void *data);

/* Checks sandbox and suite on each node that accepts jobs, on all at the same time. */
int slurm_check_nodes(const struct options *options, const char *job_program, slurm_check_node_fn *fn,
                      void *data, struct err *err);
