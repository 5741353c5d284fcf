#pragma once

/* Identity of this runner on a cluster, and the commands that submit its jobs. */

#include "base/err.h"
#include "base/strv.h"
#include "runner/config/options.h"
#include "runner/executor/slot.h"

#include <stdbool.h>
#include <stddef.h>

struct slurm_cluster;

/*
 * Writes the files that jobs need into `dir`, and reads or creates the runner's id there. The other
 * arguments are borrowed. Removes variables from the environment that would make Slurm's commands
 * hide jobs.
 */
int slurm_cluster_open(const struct options *options, const struct slot_program *program, const char *dir,
                       struct slurm_cluster **ret_cluster, struct err *err);
void slurm_cluster_free(struct slurm_cluster *cluster);

char *slurm_cluster_job_name(const struct slurm_cluster *cluster, const char *key, const char *lease);

/* Returns the command that submits an attempt of this name, in its directory. */
void slurm_cluster_command(const struct slurm_cluster *cluster, const char *name, const char *dir,
                           const char *lease, size_t slot, struct strv *ret_argv);

/*
 * Returns the command that checks a node with ostest-job --probe=node; without a node, the one that
 * asks Slurm if it would accept the job of a task.
 */
void slurm_cluster_probe_command(const struct slurm_cluster *cluster, const char *name, const char *dir,
                                 const char *lease, const char *node, struct strv *ret_argv);

/* Returns true if a job certainly belongs to this runner and to an invalid attempt. */
bool slurm_cluster_is_orphan(const struct slurm_cluster *cluster, const char *name);

/* Returns a sentence about why a command of Slurm failed. The caller frees. */
char *slurm_cluster_complaint(const char *program, int status, const char *output);
