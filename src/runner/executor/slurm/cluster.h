#pragma once

/* This runner's part of a cluster: its id among others there, and how its jobs are submitted. */

#include "base/err.h"
#include "base/strv.h"
#include "runner/config/options.h"
#include "runner/executor/slot.h"

#include <stdbool.h>
#include <stddef.h>

struct slurm_cluster;

/*
 * Writes what the jobs need into `dir`, and finds there whose jobs they are. All else is borrowed. From then
 * on Slurm's commands ignore the user's settings in the environment that would hide jobs from them.
 */
int slurm_cluster_open(const struct options *options, const struct slot_program *program, const char *dir,
                       struct slurm_cluster **ret_cluster, struct err *err);
void slurm_cluster_free(struct slurm_cluster *cluster);

char *slurm_cluster_job_name(const struct slurm_cluster *cluster, const char *key, const char *lease);

/* The command that submits a try of this name, in its directory. */
void slurm_cluster_command(const struct slurm_cluster *cluster, const char *name, const char *dir,
                           const char *lease, size_t slot, struct strv *ret_argv);

/* The command that tries a node: see ostest-job --probe=node. NULL: only whether Slurm would take a task's
 * job. */
void slurm_cluster_probe_command(const struct slurm_cluster *cluster, const char *name, const char *dir,
                                 const char *lease, const char *node, struct strv *ret_argv);

/* Whether a job is this runner's, but of a try that does not count, for sure. */
bool slurm_cluster_is_orphan(const struct slurm_cluster *cluster, const char *name);

/* Why a command of Slurm's failed, as a sentence. The caller frees. */
char *slurm_cluster_complaint(const char *program, int status, const char *output);
