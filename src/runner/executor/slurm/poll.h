#pragma once

/* The question to Slurm about all jobs: one at a time, at most one each interval, and whether it is answered.
 */

#include "base/children.h"
#include "base/condition.h"
#include "base/ev.h"

#include <stdbool.h>
#include <stdint.h>

struct slurm_poll {
    struct ev *ev;
    struct children *children;
    int64_t interval_ms;
    void (*on_answer)(const char *output, void *data); /* what squeue printed */
    void (*on_end)(void *data);                        /* after each, answered or not */
    void *data;

    struct tool *tool;
    uint64_t count; /* of those that have begun */
    int64_t next_ms;
    bool has_answer;          /* the last one was answered */
    struct condition silence; /* the last one was not answered */
};

/* Asks, if it is time. The first six members are set by the caller; the others begin with 0. */
void slurm_poll_ask(struct slurm_poll *p);

/* Why nothing is known of the cluster now; NULL: it is. Borrowed. */
const char *slurm_poll_obstacle(const struct slurm_poll *p);

void slurm_poll_done(struct slurm_poll *p);
