#pragma once

/*
 * A place where one job runs. The slot starts ostest-job, passes on what it logs, and tells when
 * it has ended. It does not know what a result is: that is the supervisor's.
 */

#include "base/err.h"
#include "base/ev.h"
#include "base/lines.h"
#include "base/log.h"
#include "model/progress.h"
#include "runner/status/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the process in a slot is for. */
enum slot_work { SLOT_FREE, SLOT_RUN, SLOT_CLEAN, SLOT_TRIM };

/* How jobs are started, the same for all slots; borrowed. */
struct slot_program {
    const char *path; /* of ostest-job */
    const char *config_path;
    const char *cache_dir;
    const char *jobs_dir;
    uint64_t cache_bytes, min_free_bytes; /* for SLOT_TRIM */
    bool reports;                         /* a report for each task */
    struct status *status; /* is told how far the jobs are; NULL: nobody wants to know, so they do not tell */
};

struct slot {
    enum slot_work work;
    char *key;   /* of the claim; owned */
    char *label; /* the task's id as it is logged; owned */
    size_t number;
    const struct slot_program *program; /* borrowed */
    pid_t pid;
    int64_t start_ms;
    struct ev *ev;
    int out_fd;
    int log_fd;      /* job.log; -1: none */
    size_t log_len;  /* written there */
    char *complaint; /* the last one in that; NULL: none yet; owned */
    struct ev_source out;
    struct lines lines;
    enum log_level level;               /* of the line whose first piece came last */
    char line[PROGRESS_MAX_LINE_BYTES]; /* the one that is being read */
};

/*
 * Starts a job for the claim in a free slot, the one of this number. `key` and `label` are copied. SLOT_TRIM
 * is for no claim, but for the cache.
 */
int slot_start(struct slot *slot, struct ev *ev, const struct slot_program *program, size_t number,
               enum slot_work work, const char *key, const char *label, struct err *err);

/*
 * The claim's job runs elsewhere: the slot has no process, is only taken, and told what the job logs, from
 * its first line on.
 */
void slot_take(struct slot *slot, struct ev *ev, const struct slot_program *program, size_t number,
               const char *key, const char *label);
void slot_feed(struct slot *slot, const char *data, size_t len);

/* Asks the job to stop. */
void slot_stop(const struct slot *slot);

/* The job has ended: reads the rest of its output. */
void slot_ended(struct slot *slot);

/* Makes it free again. */
void slot_release(struct slot *slot);
