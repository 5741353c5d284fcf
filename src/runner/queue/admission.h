#pragma once

/*
 * The checks before a claim, which cannot be undone: free disk space, the number of undelivered
 * results, and no series of failures of this machine, which would consume the queue. Free slots are
 * the matter of jobs.
 *
 * After --pause-after consecutive failures claiming pauses, each time twice as long as before. Then
 * one task at a time shows if the problem is over. A verdict ends the series; an error caused by
 * the task (such as a repository that does not exist) does not count either way.
 */

#include "base/ev.h"
#include "runner/queue/jobs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admission;

struct admission_settings {
    const char *dir; /* in the file system to check; borrowed */
    uint64_t min_free_bytes;
    size_t max_unsent;
    unsigned pause_after; /* 0: never */
    int64_t pause_ms;     /* the first pause */
};

/* Calls `on_change` when the answer may have changed. All borrowed. */
struct admission *admission_new(struct ev *ev, const struct admission_settings *settings,
                                void (*on_change)(void *data), void *data);
/* Changes the settings. */
void admission_set(struct admission *admission, const struct admission_settings *settings);
void admission_free(struct admission *admission);

/*
 * Returns why no task may be claimed now, as a clause that stays the same while it lasts; NULL: one
 * may.
 */
const char *admission_reason(struct admission *admission, size_t unsent, size_t running);

/* A task has a result, which continues the series, ends it, or does not count. */
void admission_task_ended(struct admission *admission, enum jobs_end end);
