#pragma once

/*
 * The state of an attempt on a cluster, from what Slurm and the attempt's own files have told:
 *
 *   WAITING     not submitted yet
 *   SUBMITTING  sbatch is running
 *   QUEUED      sbatch accepted the job
 *   UNSURE      sbatch failed, or the runner was restarted: Slurm may have the job
 *   GONE        Slurm says that it ended, or does not know it
 *
 * WAITING → SUBMITTING → QUEUED → GONE; SUBMITTING → UNSURE → QUEUED, WAITING or GONE. An attempt
 * in GONE has failed after a grace time. From each state it ends as soon as the job's own file says
 * so.
 *
 * Slurm is asked for jobs by name, and only a query that started after the last submission had
 * ended counts: queries (polls) are numbered, and `from_poll` is the first that counts. Submitting
 * an attempt twice is harmless, since only one copy starts it.
 */

#include "runner/executor/slurm/attempt.h"
#include "runner/executor/slurm/commands.h"

#include <stdbool.h>
#include <stdint.h>

/* Ordered: from UNSURE on Slurm may know the job. */
enum slurm_attempt_state_phase { LIFE_WAITING, LIFE_SUBMITTING, LIFE_UNSURE, LIFE_QUEUED, LIFE_GONE };

struct slurm_attempt_state {
    enum slurm_attempt_state_phase phase;
    unsigned resubmits;    /* since Slurm forgot it */
    uint64_t from_poll;    /* the first one that counts */
    uint64_t begun_poll;   /* the first one after it was seen running; 0: it was not */
    int64_t gone_since_ms; /* GONE */
    bool is_ending;        /* Slurm has not said yet how it ended */
    bool is_forgotten;     /* Slurm does not know it, and has not said that it ended */
    char how[768];         /* how it ended, as far as known */
    /* Of the answer that is being read: */
    bool is_listed, is_active, is_running;
};

/* The job's own file shows that it has started; the last poll was number `polls`. */
void slurm_attempt_state_begun(struct slurm_attempt_state *life, uint64_t polls);

/* An answer of Slurm, number `poll`: begin, each job in it that belongs to this attempt, end. */
void slurm_attempt_state_begin_answer(struct slurm_attempt_state *life);
void slurm_attempt_state_take_job(struct slurm_attempt_state *life, const struct slurm_job *job);
void slurm_attempt_state_end_answer(struct slurm_attempt_state *life, uint64_t poll,
                                    const struct slurm_attempt *files);

/* Returns true if the grace time in GONE has passed. */
bool slurm_attempt_state_is_over(const struct slurm_attempt_state *life, int64_t grace_ms);

/* Returns true if it can be submitted again; it is then WAITING. */
bool slurm_attempt_state_begin_again(struct slurm_attempt_state *life, bool has_begun);
