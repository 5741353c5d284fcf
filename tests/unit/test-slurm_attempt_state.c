#include "runner/executor/slurm/attempt_state.h"

#include "scratch.h"
#include "test.h"

static struct slurm_attempt_state life;
static struct slurm_attempt files;

static void begin(enum slurm_attempt_state_phase phase)
{
    life = (struct slurm_attempt_state){.phase = phase, .from_poll = 2};
    files = (struct slurm_attempt){.dir = (char *)"/nowhere"};
}

/* An answer of Slurm's to question number `poll`, with jobs in these states; ends with -1. */
static void answer(uint64_t poll, ...)
{
    va_list states;
    va_start(states, poll);
    slurm_attempt_state_begin_answer(&life);
    for (int state; (state = va_arg(states, int)) >= 0;) {
        struct slurm_job job = {"7", "WORD", "n1", "None", "name", (enum slurm_state)state};
        slurm_attempt_state_take_job(&life, &job);
    }
    va_end(states);
    slurm_attempt_state_end_answer(&life, poll, &files);
}

static void an_answer_from_before_the_submission_tells_nothing(void)
{
    begin(LIFE_UNSURE);
    answer(1, -1);
    CHECK_INT(life.phase, LIFE_UNSURE);
    begin(LIFE_QUEUED);
    answer(1, -1);
    CHECK_INT(life.phase, LIFE_QUEUED);
    begin(LIFE_SUBMITTING);
    answer(9, -1);
    CHECK_INT(life.phase, LIFE_SUBMITTING);
}

static void what_slurm_has_is_not_submitted_again(void)
{
    begin(LIFE_UNSURE);
    answer(2, SLURM_WAITS, -1);
    CHECK_INT(life.phase, LIFE_QUEUED);
    begin(LIFE_UNSURE);
    answer(2, SLURM_ENDED, -1);
    CHECK_INT(life.phase, LIFE_GONE);
    CHECK_STR(life.how, "Slurm says WORD of job 7 on n1");
}

static void what_it_does_not_have_is_submitted(void)
{
    begin(LIFE_UNSURE);
    answer(2, -1);
    CHECK_INT(life.phase, LIFE_WAITING);
}

static void what_has_begun_is_not_submitted_again(void)
{
    begin(LIFE_UNSURE);
    files.dir = (char *)scratch("");
    make_file(LEASE_BEGUN, "");
    answer(2, -1);
    CHECK_INT(life.phase, LIFE_GONE);
    CHECK_STR(life.how, "Slurm forgot the job, which had begun");
    CHECK(!slurm_attempt_state_begin_again(&life, true));
}

static void of_several_copies_the_living_one_counts(void)
{
    begin(LIFE_QUEUED);
    answer(2, SLURM_ENDED, SLURM_RUNS, -1);
    CHECK_INT(life.phase, LIFE_QUEUED);
    answer(3, SLURM_RUNS, SLURM_ENDED, -1);
    CHECK_INT(life.phase, LIFE_QUEUED);
    answer(4, SLURM_ENDED, SLURM_ENDED, -1);
    CHECK_INT(life.phase, LIFE_GONE);
}

static void what_has_begun_and_waits_again_is_spent(void)
{
    begin(LIFE_QUEUED);
    slurm_attempt_state_begun(&life, 4);
    answer(4, SLURM_WAITS, -1); /* asked before it was seen to begin */
    CHECK_INT(life.phase, LIFE_QUEUED);
    answer(5, SLURM_RUNS, -1);
    CHECK_INT(life.phase, LIFE_QUEUED);
    answer(6, SLURM_HELD, -1);
    CHECK_INT(life.phase, LIFE_GONE);
}

static void a_forgotten_one_is_submitted_again_a_few_times(void)
{
    begin(LIFE_QUEUED);
    unsigned times = 0;
    do {
        life.phase = LIFE_QUEUED;
        answer(2, -1);
        CHECK_INT(life.phase, LIFE_GONE);
        CHECK_STR(life.how, "Slurm forgot the job");
    } while (slurm_attempt_state_begin_again(&life, false) && ++times < 100);
    CHECK_INT(times, 5);
}

static void what_slurm_has_ended_is_not(void)
{
    begin(LIFE_QUEUED);
    answer(2, SLURM_ENDED, -1);
    CHECK(!slurm_attempt_state_begin_again(&life, false));
    CHECK_INT(life.phase, LIFE_GONE);
}

static void how_it_ended_may_be_told_later(void)
{
    begin(LIFE_QUEUED);
    answer(2, SLURM_ENDING, SLURM_RUNS, -1);
    CHECK(life.phase == LIFE_QUEUED && !life.is_ending);
    answer(3, SLURM_ENDING, -1);
    CHECK(life.phase == LIFE_GONE && life.is_ending);
    answer(4, SLURM_ENDED, -1);
    CHECK(life.phase == LIFE_GONE && !life.is_ending);
}

static void it_is_over_after_the_grace(void)
{
    begin(LIFE_QUEUED);
    CHECK(!slurm_attempt_state_is_over(&life, 0));
    answer(2, SLURM_ENDED, -1);
    CHECK(slurm_attempt_state_is_over(&life, 0));
    CHECK(!slurm_attempt_state_is_over(&life, 3600000));
    int64_t since_ms = life.gone_since_ms -= 1000;
    answer(3, SLURM_ENDED, -1);
    CHECK_INT(life.gone_since_ms, since_ms); /* not anew with each answer */
    answer(4, SLURM_RUNS, -1);
    CHECK_INT(life.phase, LIFE_QUEUED);
}

TEST_MAIN(TEST(an_answer_from_before_the_submission_tells_nothing),
          TEST(what_slurm_has_is_not_submitted_again), TEST(what_it_does_not_have_is_submitted),
          TEST(what_has_begun_is_not_submitted_again), TEST(of_several_copies_the_living_one_counts),
          TEST(what_has_begun_and_waits_again_is_spent), TEST(a_forgotten_one_is_submitted_again_a_few_times),
          TEST(what_slurm_has_ended_is_not), TEST(how_it_ended_may_be_told_later),
          TEST(it_is_over_after_the_grace))
