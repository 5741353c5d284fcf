#pragma once

/*
 * Claims, from the answer of the backend to the result in the spool. Owns the journal, the slots,
 * and the work that waits for a slot. Makes no requests itself.
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

/* What a result says about this machine. */
enum jobs_end {
    JOBS_JUDGED, /* it works: there is a verdict */
    JOBS_FAULT,  /* an error caused by this machine */
    JOBS_OTHER,  /* nothing: an error caused by the task */
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
    void (*on_slot_free)(void *data);              /* a job has ended, with or without a result */
    void (*on_change)(void *data);                 /* a pause is over: call jobs_proceed() */
    void *data;
};

/*
 * Prepares the state directory and loads the claims in it. All pointers in the settings are
 * borrowed.
 */
int jobs_open(const struct jobs_settings *settings, struct jobs **ret_jobs, struct err *err);
void jobs_free(struct jobs *jobs);

/* The options have changed: applies them to jobs started from now on. */
int jobs_take_options(struct jobs *jobs, struct err *err);

enum jobs_intake {
    JOBS_TAKEN,    /* a task: on disk, or kept in memory until the disk works */
    JOBS_AGAIN,    /* a task that is being executed already */
    JOBS_NO_TASK,  /* the backend has none */
    JOBS_NONSENSE, /* neither; `err` says why */
};

/* Takes the body of an answer to a claim. */
enum jobs_intake jobs_take(struct jobs *jobs, const char *body, size_t len, struct err *err);

/*
 * Returns why the executor cannot start jobs; NULL if it can. Valid until the event loop continues.
 */
const char *jobs_obstacle(const struct jobs *jobs);

/*
 * Returns true if another claim can be taken: a slot is free, the disk works, and there is no
 * obstacle.
 */
bool jobs_have_room(const struct jobs *jobs);

/* Starts what can be started. May be called at any time. */
void jobs_proceed(struct jobs *jobs);

/* The runner was told to stop. The service manager may have stopped its jobs as well. */
void jobs_expect_stop(struct jobs *jobs);

/* From now on no claim is started: waiting ones stay on disk. */
void jobs_drain(struct jobs *jobs);

/* As jobs_drain(), and stops the running jobs, whose claims stay on disk too. */
void jobs_stop(struct jobs *jobs);

/* Returns how jobs are started; borrowed. */
const struct slot_program *jobs_program(const struct jobs *jobs);

size_t jobs_running(const struct jobs *jobs);

/* Returns true if nothing runs or waits to be started, and every claim is on disk. */
bool jobs_are_idle(const struct jobs *jobs);
