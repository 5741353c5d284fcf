#pragma once

/*
 * A place where one job can run. The slot starts ostest-job, relays its log, and reports its end.
 * It knows nothing about results.
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

/* Purpose of the process in a slot. */
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
 * The slot's process has ended: `status` as of waitpid(2). Its output has been read. The slot is
 * occupied until the callee releases it.
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
    slot_progress_fn *on_progress; /* NULL: a progress line is logged like any other */
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
    char *complaint; /* last error in the log; NULL: none; owned */
    struct ev_source out;
    struct lines lines;
    enum log_level level;               /* of the current line */
    char line[PROGRESS_MAX_LINE_BYTES]; /* the current line */
};

/* Initialises a free slot. `number` is its index in the table, which is passed to jobs. */
void slot_init(struct slot *ret_slot, const struct slot_settings *settings, size_t number);

/* Starts a job in a free slot. SLOT_TRIM is for the cache and has no claim. */
int slot_start(struct slot *slot, const struct slot_job *job, struct err *err);

/*
 * Occupies a free slot with a job that runs elsewhere. The slot has no process; the caller feeds it
 * the log of the job from the first line on.
 */
void slot_take(struct slot *slot, const struct slot_job *job);
void slot_feed(struct slot *slot, const char *data, size_t len);

/* Asks the job to stop. */
void slot_stop(const struct slot *slot);

/* Reads the rest of the job's output, including an unterminated last line. */
void slot_ended(struct slot *slot);

/* Makes the slot free again. */
void slot_release(struct slot *slot);
