#pragma once

/*
 * Counters and gauges, and their Prometheus text format. The table in metrics.c defines every
 * metric; docs/monitoring.md describes each.
 */

#include "base/buf.h"
#include "model/summary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a task ended. */
enum metrics_outcome {
    METRICS_PASSED,
    METRICS_FAILED,
    METRICS_ERROR, /* no verdict, because of the task itself */
    METRICS_FAULT, /* no verdict, because of this machine */
    METRICS_OUTCOMES
};

/* Answer of the backend to a request for a task. */
enum metrics_claim {
    METRICS_CLAIM_TASK,
    METRICS_CLAIM_NONE,
    METRICS_CLAIM_NONSENSE,
    METRICS_CLAIM_REFUSED, /* the account is not allowed to */
    METRICS_CLAIM_TROUBLE, /* any other answer */
    METRICS_CLAIM_UNREACHABLE,
    METRICS_CLAIMS
};

/* Answer of the backend to a result: the class of its HTTP status. */
enum metrics_answer {
    METRICS_ANSWER_2XX,
    METRICS_ANSWER_3XX,
    METRICS_ANSWER_4XX,
    METRICS_ANSWER_5XX,
    METRICS_ANSWER_NONE,
    METRICS_ANSWERS
};

#define METRICS_BUCKETS 9

struct metrics_histogram {
    uint64_t counts[METRICS_BUCKETS + 1]; /* per bucket; the last one has no upper bound */
    double sum_s;
};

/* Initialised to zero. */
struct metrics {
    uint64_t tasks[METRICS_OUTCOMES];
    uint64_t claims[METRICS_CLAIMS];
    uint64_t deliveries[METRICS_ANSWERS];
    uint64_t limits[SUMMARY_LIMITS];
    struct metrics_histogram stages[SUMMARY_STAGES];
    struct metrics_histogram start_wait;    /* from the claim to the start of its job */
    struct metrics_histogram delivery_wait; /* from the result to its storage by the backend */
};

/* Values determined for each request. */
struct metrics_gauges {
    double slots, slots_busy;
    double spool;    /* undelivered results */
    double claiming; /* 1: tasks are claimed, as far as slots are free */
    double pages;    /* open status pages */
    double start_time_s;
    double cpu_s;
    double rss_bytes;
    double open_fds, max_fds;
};

enum metrics_answer metrics_answer_of(int http_status);
const char *metrics_outcome_name(enum metrics_outcome outcome);

void metrics_observe_ms(struct metrics_histogram *histogram, int64_t ms);

/* Fills in the process_* members from /proc/self. */
void metrics_read_process(struct metrics_gauges *gauges);

/* Appends all metrics. `name`: --name of this runner. */
void metrics_format(const struct metrics *metrics, const struct metrics_gauges *gauges, const char *name,
                    struct buf *out);
