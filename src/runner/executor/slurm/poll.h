#pragma once

/*
 * The periodic query of Slurm for the state of all jobs: at most one at a time and per interval.
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
    void (*on_answer)(const char *output, void *data); /* output of squeue */
    void (*on_end)(void *data);                        /* after each query, answered or not */
    void *data;

    struct tool *tool;
    uint64_t count; /* number of queries started */
    int64_t next_ms;
    bool has_answer;          /* the last one was answered */
    struct condition silence; /* the last one was not answered */
};

/*
 * Starts a query if one is due. The caller sets the first six members; the others are initially 0.
 */
void slurm_poll_ask(struct slurm_poll *p);

/* Returns why the state of the cluster is unknown; NULL: it is known. Borrowed. */
const char *slurm_poll_obstacle(const struct slurm_poll *p);

void slurm_poll_done(struct slurm_poll *p);
