#include "runner/status/metrics.h"

#include "test.h"

static struct metrics metrics;
static struct metrics_gauges gauges;

static char *text_of(void)
{
    struct buf out = BUF_INIT(0);
    metrics_format(&metrics, &gauges, "room-5", &out);
    return buf_take(&out);
}

static void at_first_all_counters_are_there_and_zero(void)
{
    CLEANUP(mem_freep) char *text = text_of();
    CHECK_CONTAINS(text, "{version=\"" PROJECT_VERSION "\",name=\"room-5\"} 1\n");
    CHECK_CONTAINS(text, "# TYPE ostest_runner_tasks_total counter\n");
    CHECK_CONTAINS(text, "\nostest_runner_tasks_total{outcome=\"fault\"} 0\n");
    CHECK_CONTAINS(text, "\nostest_runner_claims_total{answer=\"unreachable\"} 0\n");
    CHECK_CONTAINS(text, "\nostest_runner_deliveries_total{answer=\"none\"} 0\n");
    CHECK_CONTAINS(text, "\nostest_runner_limits_hit_total{limit=\"output\"} 0\n");
    CHECK_CONTAINS(text, "\nostest_runner_stage_duration_seconds_count{stage=\"judge\"} 0\n");
}

static void counts_and_gauges_are_shown_in_full(void)
{
    metrics = (struct metrics){.tasks[METRICS_PASSED] = 123456789012345};
    gauges = (struct metrics_gauges){.slots = 16, .rss_bytes = 7340032, .start_time_s = 1795438289.25};
    CLEANUP(mem_freep) char *text = text_of();
    CHECK_CONTAINS(text, "{outcome=\"passed\"} 123456789012345\n");
    CHECK_CONTAINS(text, "\nostest_runner_slots 16\n");
    CHECK_CONTAINS(text, "\nprocess_resident_memory_bytes 7340032\n");
    CHECK_CONTAINS(text, "\nprocess_start_time_seconds 1795438289.25\n");
    CHECK_CONTAINS(text, "# TYPE process_cpu_seconds_total counter\n");
}

static void buckets_hold_all_that_is_at_most_as_long(void)
{
    static const int64_t ms[] = {-5, 0, 100, 101, 30000, 1000000, 1000001};
    metrics = (struct metrics){0};
    for (size_t i = 0; i < ARRAY_LEN(ms); i++)
        metrics_observe_ms(&metrics.stages[SUMMARY_TEST], ms[i]);
    metrics_observe_ms(&metrics.start_wait, 2);
    CLEANUP(mem_freep) char *text = text_of();
    CHECK_CONTAINS(text, "_bucket{stage=\"test\",le=\"0.1\"} 3\n");
    CHECK_CONTAINS(text, "_bucket{stage=\"test\",le=\"0.3\"} 4\n");
    CHECK_CONTAINS(text, "_bucket{stage=\"test\",le=\"30\"} 5\n");
    CHECK_CONTAINS(text, "_bucket{stage=\"test\",le=\"1000\"} 6\n");
    CHECK_CONTAINS(text, "_bucket{stage=\"test\",le=\"+Inf\"} 7\n");
    CHECK_CONTAINS(text, "_sum{stage=\"test\"} 2030.202\n");
    CHECK_CONTAINS(text, "_count{stage=\"test\"} 7\n");
    CHECK_CONTAINS(text, "ostest_runner_start_wait_seconds_bucket{le=\"0.1\"} 1\n");
    CHECK_CONTAINS(text, "ostest_runner_start_wait_seconds_sum 0.002\n");
}

static void answers_have_the_class_of_their_status(void)
{
    CHECK_INT(metrics_answer_of(204), METRICS_ANSWER_2XX);
    CHECK_INT(metrics_answer_of(302), METRICS_ANSWER_3XX);
    CHECK_INT(metrics_answer_of(499), METRICS_ANSWER_4XX);
    CHECK_INT(metrics_answer_of(599), METRICS_ANSWER_5XX);
    CHECK_INT(metrics_answer_of(0), METRICS_ANSWER_NONE);
    CHECK_INT(metrics_answer_of(100), METRICS_ANSWER_NONE);
    CHECK_INT(metrics_answer_of(999), METRICS_ANSWER_NONE);
}

static void the_process_is_looked_up(void)
{
    struct metrics_gauges g = {0};
    metrics_read_process(&g);
    CHECK(g.rss_bytes > 100000 && g.rss_bytes < 1e9);
    CHECK(g.open_fds >= 3 && g.open_fds < g.max_fds);
    CHECK(g.cpu_s >= 0 && g.cpu_s < 100);
}

TEST_MAIN(TEST(at_first_all_counters_are_there_and_zero), TEST(counts_and_gauges_are_shown_in_full),
          TEST(buckets_hold_all_that_is_at_most_as_long), TEST(answers_have_the_class_of_their_status),
          TEST(the_process_is_looked_up))
