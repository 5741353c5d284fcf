#pragma once

/* The command lines of Slurm's programs, and the meaning of their output. No I/O. */

#include "base/strv.h"
#include "model/job_options.h"
#include "model/lease.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Returns the name of a job, which identifies runner, claim and attempt. Slurm reuses ids, but
 * names stay unique.
 */
char *slurm_job_name(const char *runner, const char *key, const char *lease);

/* Parses a name; returns false if it is not one of this runner. The caller frees `ret_key`. */
bool slurm_split_name(const char *name, const char *runner, char **ret_key, char ret_lease[LEASE_SIZE]);

struct slurm_request {
    const struct job_options *limits;
    const char *args;   /* --slurm-args; NULL: none */
    const char *name;   /* of the job */
    const char *node;   /* to run on; NULL: any */
    bool is_test;       /* only checks if it would be accepted */
    const char *script; /* with `words` as arguments */
    const struct strv *words;
};

/* Returns the sbatch command. */
void slurm_submit_command(const struct slurm_request *request, struct strv *ret_argv);

/* Returns the squeue command for all jobs of a user. */
void slurm_list_command(uid_t user, struct strv *ret_argv);

/*
 * Returns the scancel command for all jobs of this name. By name, since an id may belong to another
 * job by now.
 */
void slurm_cancel_command(uid_t user, const char *name, struct strv *ret_argv);

/* Returns the sinfo command, which prints a line for each node and partition. */
void slurm_nodes_command(struct strv *ret_argv);

/*
 * Parses a line of sinfo, which is cut to the node's name, or to "" if it is not such a line.
 * Returns true if the node accepts jobs.
 */
bool slurm_parse_node(char *line, const char **ret_state);

/* Reads the job's id from the output of sbatch; returns false if there is none. */
bool slurm_parse_id(const char *output, char *ret_id, size_t size);

enum slurm_state {
    SLURM_WAITS, /* in the queue */
    SLURM_HELD,  /* in the queue until the operator releases it */
    SLURM_RUNS,
    SLURM_ENDING, /* not running any more; Slurm will say how it ended */
    SLURM_ENDED,
};

/* A line of squeue; the texts point into the line. */
struct slurm_job {
    const char *id, *word, *node, *reason, *name;
    enum slurm_state state;
};

/* Parses the line in place. Returns false if it is not a job but, for example, a warning. */
bool slurm_parse_line(char *line, struct slurm_job *ret_job);
