#pragma once

/*
 * Tries as jobs of a Slurm cluster, one each: ostest-job on a directory that all nodes share. Slurm's
 * commands are run beside the event loop, and asked about all jobs at once. Their words are hints: a try has
 * ended when its own file says so, or when Slurm has said that it is no more and --slurm-grace has passed
 * since.
 */

#include "runner/executor/executor.h"

int executor_slurm_open(const struct executor_settings *settings, struct executor **ret_executor,
                        struct err *err);
