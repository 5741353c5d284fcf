#pragma once

/*
 * The executor for a Slurm cluster: each attempt is a Slurm job that runs ostest-job on a directory
 * shared by all nodes. Slurm's commands run asynchronously and are asked about all jobs at once.
 * Their answers are hints: an attempt has ended when its own file says so, or when Slurm says that
 * it is gone and --slurm-grace has passed.
 */

#include "runner/executor/executor.h"

int executor_slurm_open(const struct executor_settings *settings, struct executor **ret_executor,
                        struct err *err);
