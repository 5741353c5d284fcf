#pragma once

/*
 * What is counted, and its text in the format of Prometheus. docs/monitoring.md has a line for each metric;
 * the table in metrics.c is the one place where they are made.
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
    METRICS_ERROR, /* it could not be judged, by its own doing */
    METRICS_FAULT, /* … by a fault of this machine */
    METRICS_OUTCOMES
};

/* What the backend said when it was asked for a task. */
enum metrics_claim {
    METRICS_CLAIM_TASK,
    METRICS_CLAIM_NONE,
    METRICS_CLAIM_NONSENSE,
    METRICS_CLAIM_REFUSED, /* the account may not */
    METRICS_CLAIM_TROUBLE, /* an answer, but none of these */
    METRICS_CLAIM_UNREACHABLE,
    METRICS_CLAIMS
};

/* What the backend said to a result: the class of its HTTP status. */
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
    uint64_t counts[METRICS_BUCKETS + 1]; /* by bucket, the last one is for all that is longer */
    double sum_s;
};

/* All zero at first. */
struct metrics {
    uint64_t tasks[METRICS_OUTCOMES];
    uint64_t claims[METRICS_CLAIMS];
    uint64_t deliveries[METRICS_ANSWERS];
    uint64_t limits[SUMMARY_LIMITS];
    struct metrics_histogram stages[SUMMARY_STAGES];
    struct metrics_histogram start_wait;    /* from the claim to the start of its job */
    struct metrics_histogram delivery_wait; /* from the result to the backend having it */
};

/* What is looked up when somebody asks. */
struct metrics_gauges {
    double slots, slots_busy;
    double spool;    /* results that wait for the backend */
    double claiming; /* 1: a task would be claimed now, or a slot is all that is missing */
    double pages;    /* that are open */
    double start_time_s;
    double cpu_s;
    double rss_bytes;
    double open_fds, max_fds;
};

enum metrics_answer metrics_answer_of(int http_status);
const char *metrics_outcome_name(enum metrics_outcome outcome);

void metrics_observe_ms(struct metrics_histogram *histogram, int64_t ms);

/* Fills in what the kernel knows of this process. */
void metrics_read_process(struct metrics_gauges *gauges);

/* `name`: of this runner, as --name takes it. */
void metrics_format(const struct metrics *metrics, const struct metrics_gauges *gauges, const char *name,
                    struct buf *out);
