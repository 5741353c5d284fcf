#pragma once

/*
 * The control group that Slurm has created for our job. It is read-only to us: it measures a test
 * if the task cannot have a group of its own, and shows the limit of the whole job. Its counters
 * cannot be reset, and include ostest-job itself.
 */

#include "sandbox/cgroup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_SLURM_NO_LIMIT UINT64_MAX

struct cgroup_slurm {
    char *dir;            /* the closest group that counts memory; NULL: none */
    size_t job_len;       /* length of the prefix of `dir` that is the job's group */
    bool is_v2;           /* else v1, also if both are mounted */
    uint64_t limit_bytes; /* the lowest one up to the job's group; CGROUP_SLURM_NO_LIMIT: none */

    uint64_t kills_before, refusals_before; /* at the start of the run */
    uint64_t held, peak_before, highest;    /* at the start of the test; the highest sample since */
};

/*
 * Finds the group by the id that Slurm gave to our job, so that another job's group is never taken
 * for it. NULL: not running in a job.
 */
void cgroup_slurm_find(const char *job_id, struct cgroup_slurm *ret_group);
void cgroup_slurm_done(struct cgroup_slurm *group);

/* Returns the memory that the group uses, in bytes. */
uint64_t cgroup_slurm_memory_now(const struct cgroup_slurm *group);

/*
 * Measure one test: begin, samples, end. The last returns the peak above the memory in use at the
 * start, in bytes. It is exact if it is the highest value that the group ever had; otherwise it is
 * as precise as the samples.
 */
void cgroup_slurm_test_begin(struct cgroup_slurm *group);
void cgroup_slurm_sample(struct cgroup_slurm *group);
uint64_t cgroup_slurm_test_end(struct cgroup_slurm *group);

/*
 * Count what the kernel's OOM killer did in the group since the start of the run. The limit may be
 * that of a parent, up to the job's group. Fills only the memory members.
 */
void cgroup_slurm_run_begin(struct cgroup_slurm *group);
void cgroup_slurm_read_hits(const struct cgroup_slurm *group, struct cgroup_hits *ret_hits);
