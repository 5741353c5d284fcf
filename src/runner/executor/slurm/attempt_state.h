#pragma once

/*
 * How far a try is, by what Slurm and the try's own files have told:
 *
 *   WAITING ──sbatch──▶ SUBMITTING ──accepted──▶ QUEUED ──Slurm: ended, or unknown──▶ GONE ──grace──▶ failed
 *      ▲                    └──failed, or the runner was started anew──▶ UNSURE ──▶ QUEUED, WAITING or GONE
 *
 * and from each of them to its end, as soon as the job's own file tells of it. Whether Slurm has a job is
 * asked for by name, in a question that began after the last submission had ended: so a question (poll) has a
 * number, and those before `from_poll` are no answer. To submit the same try twice is harmless: only one copy
 * begins it.
 */

#include "runner/executor/slurm/attempt.h"
#include "runner/executor/slurm/commands.h"

#include <stdbool.h>
#include <stdint.h>

/* In this order: Slurm may know of it from UNSURE on. */
enum slurm_attempt_state_phase { LIFE_WAITING, LIFE_SUBMITTING, LIFE_UNSURE, LIFE_QUEUED, LIFE_GONE };

struct slurm_attempt_state {
    enum slurm_attempt_state_phase phase;
    unsigned resubmits;    /* since Slurm has forgotten it */
    uint64_t from_poll;    /* the first one that can tell */
    uint64_t begun_poll;   /* the first one since it was seen to have begun; 0: it was not */
    int64_t gone_since_ms; /* GONE */
    bool is_ending;        /* Slurm has not said yet how it ended */
    bool is_forgotten;     /* Slurm has not said that it ended, but knows nothing of it */
    char how[768];         /* what is known of its end */
    /* In the answer that is being read: */
    bool is_listed, is_active, is_running;
};

/* The job's own file shows that it has begun; the last poll was number `polls`. */
void slurm_attempt_state_begun(struct slurm_attempt_state *life, uint64_t polls);

/* An answer of Slurm's, number `poll`: begin, the jobs in it that are this try's, end. */
void slurm_attempt_state_begin_answer(struct slurm_attempt_state *life);
void slurm_attempt_state_take_job(struct slurm_attempt_state *life, const struct slurm_job *job);
void slurm_attempt_state_end_answer(struct slurm_attempt_state *life, uint64_t poll,
                                    const struct slurm_attempt *files);

/* Nothing more is to be expected: it has been gone for so long. */
bool slurm_attempt_state_is_over(const struct slurm_attempt_state *life, int64_t grace_ms);

/* Whether that may be mended by submitting it once more; if so, it is WAITING again. */
bool slurm_attempt_state_begin_again(struct slurm_attempt_state *life, bool has_begun);
