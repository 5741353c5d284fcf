#pragma once

/*
 * The claims in work: from what the backend answered to a result in the spool. Owns the journal,
 * the slots, and what waits for a slot. It does not talk to the backend.
 */

#include "base/children.h"
#include "base/condition.h"
#include "base/err.h"
#include "base/ev.h"
#include "model/progress.h"
#include "runner/config/options.h"
#include "runner/executor/executor.h"
#include "runner/executor/slot.h"
#include "runner/queue/spool.h"

#include <stdbool.h>
#include <stddef.h>

struct jobs;

/* What a result says of this machine. */
enum jobs_end {
    JOBS_JUDGED, /* it works: there is a verdict */
    JOBS_FAULT,  /* an error that was its fault */
    JOBS_OTHER,  /* nothing: an error of the task's own */
};

/* Follows jobs through the slots. */
struct jobs_observer {
    /* A job was started to execute the claim, or, unless `is_run`, to clean up after it. */
    void (*on_start)(size_t slot, const char *key, const char *label, bool is_run, void *data);
    void (*on_progress)(size_t slot, const struct progress *progress, void *data);
    /* The job in the slot has ended, with or without a result. */
    void (*on_end)(size_t slot, void *data);
    /* The claim's result is in the spool; its other files are still in jobs/<key>/. */
    void (*on_result)(const char *key, bool is_fault, void *data);
    void *data;
};

struct jobs_settings {
    const struct options *options;
    const char *job_program; /* path of ostest-job */
    struct ev *ev;
    struct children *children;
    struct spool *spool;
    struct condition *disk; /* raised while the state directory cannot be used */
    executor_open_fn *open_executor;
    const struct jobs_observer *observer;          /* NULL: none */
    void (*on_end)(enum jobs_end end, void *data); /* a task has its result */
    void (*on_slot_free)(void *data);              /* a job's process has ended, whatever came of it */
    void (*on_change)(void *data); /* a pause is over: jobs_proceed() and whoever depends on it */
    void *data;
};

/* All in the settings is borrowed. Prepares the state directory and takes up what an earlier run left. */
int jobs_open(const struct jobs_settings *settings, struct jobs **ret_jobs, struct err *err);
void jobs_free(struct jobs *jobs);

/* The options have other values now: those of jobs that are started from now on. */
int jobs_take_options(struct jobs *jobs, struct err *err);

enum jobs_intake {
    JOBS_TAKEN,    /* a task: it is on disk now, or as safe as it can be */
    JOBS_AGAIN,    /* one that is being worked on: nothing is to be done */
    JOBS_NO_TASK,  /* the backend has none */
    JOBS_NONSENSE, /* neither; `err` says why */
};

/* Takes the body of an answer in. */
enum jobs_intake jobs_take(struct jobs *jobs, const char *body, size_t len, struct err *err);

/* Why jobs could not be started where they run, for a person; NULL: they could. Borrowed, until something
 * happens. */
const char *jobs_obstacle(const struct jobs *jobs);

/* Whether another claim can be taken: a free slot that nothing waits for, a disk that works, no obstacle. */
bool jobs_have_room(const struct jobs *jobs);

/* Starts what can be started. Safe at any time. */
void jobs_proceed(struct jobs *jobs);

/* The runner was told to stop, and so perhaps its jobs too, by whoever stops the whole service. */
void jobs_expect_stop(struct jobs *jobs);

/* From now on no claim is started: those that wait stay on disk. */
void jobs_drain(struct jobs *jobs);

/* As jobs_drain(), and tells the running ones to stop: they stay on disk too. */
void jobs_stop(struct jobs *jobs);

/* How its jobs are started. */
const struct slot_program *jobs_program(const struct jobs *jobs);

size_t jobs_running(const struct jobs *jobs);

/* Nothing runs, nothing is left to start, and every claim taken is on disk. */
bool jobs_are_idle(const struct jobs *jobs);
