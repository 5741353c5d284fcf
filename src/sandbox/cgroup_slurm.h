#pragma once

/*
 * The control group that Slurm has made for the job that we are. It is not ours to change, and is only read:
 * what a test used where the task cannot have a group of its own, and which limit holds for all of the job.
 * The counters cannot be set back, and ostest-job counts as well.
 */

#include "sandbox/cgroup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_SLURM_NO_LIMIT UINT64_MAX

struct cgroup_slurm {
    char *dir;            /* the group next to us that counts memory; NULL: there is none */
    size_t job_len;       /* so much of it is the group of the whole job */
    bool is_v2;           /* else v1, also where both are mounted */
    uint64_t limit_bytes; /* the lowest from `dir` up to the job's; CGROUP_SLURM_NO_LIMIT: none */

    uint64_t kills_before, refusals_before; /* when the run began */
    uint64_t held, peak_before, highest;    /* when the test began; the highest sample since */
};

/* By the id of our job as Slurm told it, so that nobody else's group is taken for it; NULL: we are no job. */
void cgroup_slurm_find(const char *job_id, struct cgroup_slurm *ret_group);
void cgroup_slurm_done(struct cgroup_slurm *group);

/* What the group holds now. */
uint64_t cgroup_slurm_memory_now(const struct cgroup_slurm *group);

/*
 * One test: begin, samples, end, which gives the most that was held above what was held at the beginning.
 * Exact where that is the most that the group ever held, else as good as the samples.
 */
void cgroup_slurm_test_begin(struct cgroup_slurm *group);
void cgroup_slurm_sample(struct cgroup_slurm *group);
uint64_t cgroup_slurm_test_end(struct cgroup_slurm *group);

/* What the kernel's OOM killer did in the group since the run began; the limit may be one above, up to the
 * job's. Fills in what is of memory. */
void cgroup_slurm_run_begin(struct cgroup_slurm *group);
void cgroup_slurm_read_hits(const struct cgroup_slurm *group, struct cgroup_hits *ret_hits);
