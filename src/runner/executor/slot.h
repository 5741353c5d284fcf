#pragma once

/*
 * A place where one job runs. The slot starts ostest-job, passes on what it logs, and tells when
 * it has ended. It does not know what a result is: that is the supervisor's.
 */

#include "base/children.h"
#include "base/err.h"
#include "base/ev.h"
#include "base/lines.h"
#include "base/log.h"
#include "model/progress.h"

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
    bool progress;                        /* jobs write progress lines */
};

struct slot;

/*
 * The slot's process has ended: `status` as of waitpid(2). Its output has been read. The slot is occupied
 * until the callee releases it.
 */
typedef void slot_end_fn(struct slot *slot, int status, void *data);

/* The job in the slot of this number has written a progress line. */
typedef void slot_progress_fn(size_t number, const struct progress *progress, void *data);

/* What a slot is given for its whole life; all borrowed. */
struct slot_settings {
    const struct slot_program *program;
    struct ev *ev;
    struct children *children;
    slot_end_fn *on_end;
    slot_progress_fn *on_progress; /* with slot_program.progress */
    void *data;
};

/* What a slot is to run. Borrowed: the slot copies the texts. */
struct slot_job {
    enum slot_work work;
    const char *key;   /* of the claim */
    const char *label; /* the task's id as it is logged */
};

struct slot {
    struct slot_settings settings;
    size_t number;
    enum slot_work work;
    char *key;   /* of the claim; owned */
    char *label; /* the task's id as it is logged; owned */
    pid_t pid;   /* 0: none, or it has ended */
    int64_t start_ms;
    int out_fd;
    int log_fd;      /* job.log; -1: none */
    size_t log_len;  /* written there */
    char *complaint; /* the last one in that; NULL: none yet; owned */
    struct ev_source out;
    struct lines lines;
    enum log_level level;               /* of the line whose first piece came last */
    char line[PROGRESS_MAX_LINE_BYTES]; /* the one that is being read */
};

/* Makes a free slot. `number` is its place in the table, which the job is told. */
void slot_init(struct slot *ret_slot, const struct slot_settings *settings, size_t number);

/* Starts a job in a free slot. SLOT_TRIM is for the cache, not for a claim. */
int slot_start(struct slot *slot, const struct slot_job *job, struct err *err);

/*
 * Occupies a free slot with a job that runs elsewhere: the slot has no process, and is fed what the job
 * logs, from its first line on.
 */
void slot_take(struct slot *slot, const struct slot_job *job);
void slot_feed(struct slot *slot, const char *data, size_t len);

/* Asks the job to stop. */
void slot_stop(const struct slot *slot);

/* Takes what is left of the job's output, and a last line that has no end. */
void slot_ended(struct slot *slot);

/* Makes it free again. */
void slot_release(struct slot *slot);
