#pragma once

/*
 * Where the tries of claims run: on this machine (executor_local), or in a cluster (executor_slurm). Behind
 * the table of slots: jobs says what runs in which slot, the executor starts it and tells when it has ended.
 * The result is then in jobs/<key>/result.json, wherever it was made.
 */

#include "base/err.h"
#include "base/ev.h"
#include "runner/config/options.h"
#include "runner/executor/slots.h"

#include <stdbool.h>

/* How a try ended. */
struct executor_end {
    int status;      /* as of waitpid(2), of ostest-job */
    const char *how; /* what became of one without a result, where the status does not say it; else NULL */
    bool goes_on;    /* it has not ended: the runner leaves it, and its next start will find it */
};

struct executor_settings {
    const struct options *options;
    const struct slot_program *program;
    struct slots *slots;
    struct ev *ev;
    struct children *children;
    /* A try has ended; the slot is still taken. For what has no process in the slot. */
    void (*on_end)(struct slot *slot, const struct executor_end *end, void *data);
    void (*on_change)(void *data); /* an obstacle() may be gone */
    void *data;
};

struct executor;

struct executor_kind {
    /* Reconcile: whether a try of an earlier runner may still be under way, so that start() takes it up. */
    bool (*goes_on)(const struct executor *x, const char *key);
    int (*start)(struct executor *x, struct slot *slot, const struct slot_job *job, struct err *err);
    /* The runner stops: ends the try, or leaves it to the next start. */
    void (*cancel)(struct executor *x, struct slot *slot);
    /* Why it makes no sense to claim more; NULL: it does. Borrowed, until something happens. */
    const char *(*obstacle)(const struct executor *x);
    void (*free)(struct executor *x);
};

/* The first member of each executor. */
struct executor {
    const struct executor_kind *kind;
    struct executor_settings settings;
};

/* Opens an executor of a kind. All pointers in the settings are borrowed. */
typedef int executor_open_fn(const struct executor_settings *settings, struct executor **ret_executor,
                             struct err *err);

/* NULL is allowed. */
void executor_free(struct executor *x);
