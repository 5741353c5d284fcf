#include "runner/queue/admission.h"

#include "base/clock.h"
#include "base/mem.h"
#include "test.h"

static struct ev *ev;
static struct admission *admission;
static int changes;

static void on_change(void *data)
{
    changes++;
}

static void start(const struct admission_settings *settings)
{
    clock_test_freeze(1000);
    changes = 0;
    ev = ev_new();
    admission = admission_new(ev, settings, on_change, NULL);
}

static void end(void)
{
    admission_free(admission);
    ev_free(ev);
    clock_test_freeze(-1);
}

static const struct admission_settings usual = {"/", 0, 10, 3, 1000};

static void faults(int count)
{
    for (int i = 0; i < count; i++)
        admission_task_ended(admission, JOBS_FAULT);
}

static bool is_open(void)
{
    return admission_reason(admission, 0, 0) == NULL;
}

static void all_is_well_at_first(void)
{
    start(&usual);
    CHECK(is_open());
    CHECK_INT(ev_next_deadline_ms(ev), CLOCK_NEVER);
    end();
}

static void so_many_waiting_results_are_too_many(void)
{
    start(&usual);
    CHECK(admission_reason(admission, 9, 0) == NULL);
    CHECK_CONTAINS(admission_reason(admission, 10, 0), "--max-unsent");
    end();
}

static void without_room_it_is_closed_and_looks_again(void)
{
    struct admission_settings settings = usual;
    settings.min_free_bytes = UINT64_MAX;
    start(&settings);
    CHECK_CONTAINS(admission_reason(admission, 0, 0), "--min-free-disk");
    clock_test_freeze(ev_next_deadline_ms(ev));
    ev_dispatch(ev);
    CHECK_INT(changes, 1);
    end();
}

static void a_directory_that_is_gone_has_no_room(void)
{
    struct admission_settings settings = usual;
    settings.dir = "/nonexistent/directory";
    start(&settings);
    CHECK_CONTAINS(admission_reason(admission, 0, 0), "/nonexistent/directory");
    end();
}

static void a_series_of_faults_closes_for_a_while(void)
{
    start(&usual);
    faults(2);
    CHECK(is_open());
    faults(1);
    CHECK_CONTAINS(admission_reason(admission, 0, 0), "--pause-after");
    CHECK_INT(ev_next_deadline_ms(ev), 2000);
    clock_test_freeze(2000);
    ev_dispatch(ev);
    CHECK_INT(changes, 1);
    CHECK(is_open());
    end();
}

static void what_was_judged_ends_the_series(void)
{
    start(&usual);
    faults(2);
    admission_task_ended(admission, JOBS_JUDGED);
    faults(2);
    CHECK(is_open());
    end();
}

static void after_the_pause_one_task_at_a_time_tries(void)
{
    start(&usual);
    faults(3);
    clock_test_freeze(2000);
    CHECK(admission_reason(admission, 0, 1) != NULL);
    CHECK(admission_reason(admission, 0, 0) == NULL);
    admission_task_ended(admission, JOBS_JUDGED);
    CHECK(admission_reason(admission, 0, 5) == NULL);
    end();
}

static void pauses_double_up_to_ten_minutes_and_begin_anew(void)
{
    static const int64_t lengths[] = {1000,  2000,   4000,   8000,   16000,  32000,
                                      64000, 128000, 256000, 512000, 600000, 600000};
    start(&usual);
    int64_t now = 1000;
    faults(2);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        faults(1);
        clock_test_freeze(now + lengths[i] - 1);
        CHECK(!is_open());
        clock_test_freeze(now += lengths[i]);
        CHECK(is_open());
    }
    admission_task_ended(admission, JOBS_JUDGED);
    faults(3);
    clock_test_freeze(now + 1000);
    CHECK(is_open());
    end();
}

static void what_ran_beside_does_not_lengthen_the_pause(void)
{
    start(&usual);
    faults(8);
    clock_test_freeze(2000);
    CHECK(is_open());
    end();
}

static void zero_is_never(void)
{
    struct admission_settings settings = usual;
    settings.pause_after = 0;
    start(&settings);
    faults(100);
    CHECK(is_open());
    end();
}

static void the_reason_stays_the_same(void)
{
    start(&usual);
    faults(3);
    CLEANUP(mem_freep) char *first = mem_strdup(admission_reason(admission, 0, 0));
    clock_test_freeze(1500);
    faults(1);
    CHECK_STR(admission_reason(admission, 0, 0), first);
    end();
}

TEST_MAIN(TEST(all_is_well_at_first), TEST(so_many_waiting_results_are_too_many),
          TEST(without_room_it_is_closed_and_looks_again), TEST(a_directory_that_is_gone_has_no_room),
          TEST(a_series_of_faults_closes_for_a_while), TEST(what_was_judged_ends_the_series),
          TEST(after_the_pause_one_task_at_a_time_tries),
          TEST(pauses_double_up_to_ten_minutes_and_begin_anew),
          TEST(what_ran_beside_does_not_lengthen_the_pause), TEST(zero_is_never),
          TEST(the_reason_stays_the_same))
