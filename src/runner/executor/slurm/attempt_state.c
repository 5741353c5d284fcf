#include "runner/executor/slurm/attempt_state.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define MAX_RESUBMITS 5 /* of an attempt that Slurm keeps forgetting */

void slurm_attempt_state_begun(struct slurm_attempt_state *life, uint64_t polls)
{
    if (!life->begun_poll)
        life->begun_poll = polls + 1;
}

static void set_gone(struct slurm_attempt_state *life)
{
    if (life->phase == LIFE_GONE)
        return;
    life->phase = LIFE_GONE;
    life->gone_since_ms = clock_now_ms();
}

void slurm_attempt_state_begin_answer(struct slurm_attempt_state *life)
{
    life->is_listed = life->is_active = life->is_running = false;
}

void slurm_attempt_state_take_job(struct slurm_attempt_state *life, const struct slurm_job *job)
{
    if (job->state >= SLURM_ENDING && life->is_active) /* another copy is still running */
        return;
    life->is_listed = true;
    life->is_forgotten = false;
    life->is_active = job->state < SLURM_ENDING;
    life->is_ending = job->state == SLURM_ENDING;
    life->is_running = life->is_running || job->state == SLURM_RUNS;
    bool has_reason = strcmp(job->reason, "None") != 0;
    snprintf(life->how, sizeof(life->how), "Slurm says %s of job %s%s%s%s%s", job->word, job->id,
             *job->node ? " on " : "", job->node, has_reason ? ": " : "", has_reason ? job->reason : "");
}

/* Slurm does not know the job, although it should, or might. */
static void take_absence(struct slurm_attempt_state *life, const struct slurm_attempt *files)
{
    struct slurm_attempt_sight sight;
    slurm_attempt_look(files, &sight);
    if (life->phase == LIFE_UNSURE && !sight.has_begun) {
        life->phase = LIFE_WAITING;
        return;
    }
    if (life->phase == LIFE_GONE)
        return;
    snprintf(life->how, sizeof(life->how), "Slurm forgot the job%s",
             sight.has_begun ? ", which had begun" : "");
    life->is_forgotten = true;
    set_gone(life);
}

void slurm_attempt_state_end_answer(struct slurm_attempt_state *life, uint64_t poll,
                                    const struct slurm_attempt *files)
{
    if (life->phase < LIFE_UNSURE || life->from_poll > poll)
        return;
    /*
     * A job that has started and waits again was requeued: it would not start a second time.
     */
    bool is_spent = life->begun_poll && life->begun_poll <= poll && !life->is_running;
    if (life->is_active && !is_spent)
        life->phase = LIFE_QUEUED;
    else if (life->is_listed)
        set_gone(life);
    else
        take_absence(life, files);
}

bool slurm_attempt_state_is_over(const struct slurm_attempt_state *life, int64_t grace_ms)
{
    return life->phase == LIFE_GONE && clock_now_ms() >= life->gone_since_ms + grace_ms;
}

bool slurm_attempt_state_begin_again(struct slurm_attempt_state *life, bool has_begun)
{
    if (has_begun || !life->is_forgotten || life->resubmits >= MAX_RESUBMITS)
        return false;
    life->resubmits++;
    life->is_forgotten = false;
    life->phase = LIFE_WAITING;
    return true;
}
