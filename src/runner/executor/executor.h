#pragma once

/*
 * Interface of the executors, which execute attempts: on this machine (local) or on a cluster
 * (slurm). jobs chooses the slot, the executor starts the job and reports its end. The result is
 * then in jobs/<key>/result.json.
 */

#include "base/err.h"
#include "base/ev.h"
#include "runner/config/options.h"
#include "runner/executor/slots.h"

#include <stdbool.h>

/* End of an attempt. */
struct executor_end {
    int status;      /* as of waitpid(2), of ostest-job */
    const char *how; /* reason for a missing result, if the status does not say it; else NULL */
    bool goes_on;    /* it has not ended: the next start of the runner takes it over */
};

struct executor_settings {
    const struct options *options;
    const struct slot_program *program;
    struct slots *slots;
    struct ev *ev;
    struct children *children;
    /* An attempt without a process in the slot has ended; the slot is still occupied. */
    void (*on_end)(struct slot *slot, const struct executor_end *end, void *data);
    void (*on_change)(void *data); /* obstacle() may have changed */
    void *data;
};

struct executor;

struct executor_kind {
    /*
     * Returns true if an attempt of an earlier runner may still be running, so that start() takes
     * it over.
     */
    bool (*goes_on)(const struct executor *x, const char *key);
    int (*start)(struct executor *x, struct slot *slot, const struct slot_job *job, struct err *err);
    /* The runner stops: ends the attempt or leaves it to the next start. */
    void (*cancel)(struct executor *x, struct slot *slot);
    /*
     * Returns why no more tasks should be claimed; NULL: none. Valid until the event loop
     * continues.
     */
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
