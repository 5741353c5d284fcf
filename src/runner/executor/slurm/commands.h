#pragma once

/* The words of Slurm's commands: what is asked, and what the answers mean. No I/O. */

#include "base/strv.h"
#include "model/job_options.h"
#include "model/lease.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A job's name tells whose it is, which claim it is for, and which try of it: ids are issued again, names
 * never. */
char *slurm_job_name(const char *runner, const char *key, const char *lease);

/* Takes such a name apart; false where it is none of this runner's. The caller frees `ret_key`. */
bool slurm_split_name(const char *name, const char *runner, char **ret_key, char ret_lease[LEASE_SIZE]);

struct slurm_request {
    const struct job_options *limits;
    const char *args;   /* the operator's own; NULL: none */
    const char *name;   /* of the job */
    const char *node;   /* where it must run; NULL: anywhere */
    bool is_test;       /* nothing is submitted: only whether it would be */
    const char *script; /* and its words */
    const struct strv *words;
};

/* sbatch and its words. */
void slurm_submit_command(const struct slurm_request *request, struct strv *ret_argv);

/* squeue, for all jobs of a user in one answer. */
void slurm_list_command(uid_t user, struct strv *ret_argv);

/* scancel, for all jobs of this name: an id may be somebody else's by now. It takes no list of names. */
void slurm_cancel_command(uid_t user, const char *name, struct strv *ret_argv);

/* sinfo, for each node once and again for each of its partitions. */
void slurm_nodes_command(struct strv *ret_argv);

/* A line of sinfo's: the node's name is left in it; whether it takes jobs. "" where it is no such line. */
bool slurm_parse_node(char *line, const char **ret_state);

/* The job's id in what sbatch printed; false where it accepted none. */
bool slurm_parse_id(const char *output, char *ret_id, size_t size);

enum slurm_state {
    SLURM_WAITS, /* in the queue */
    SLURM_HELD,  /* in the queue, and only a person gets it out */
    SLURM_RUNS,
    SLURM_ENDING, /* it does not run any more; how it ended, Slurm will say */
    SLURM_ENDED,
};

/* A line of squeue's; the texts lie in the line. */
struct slurm_job {
    const char *id, *word, *node, *reason, *name;
    enum slurm_state state;
};

/* Cuts the line up. False where it is no job: a warning, for instance. */
bool slurm_parse_line(char *line, struct slurm_job *ret_job);
