#pragma once

/*
 * What must be well before another task is claimed, since a claim is for good: room on the disk, not too
 * many results that wait for the backend, and no series of faults of this machine, which would eat the
 * queue. The free slot is jobs'.
 *
 * After --pause-after faults in a row there is a pause, each twice as long as the one before; then one
 * task at a time shows whether it is over. A task that was judged ends the series; an error of the task's own
 * (a repository that does not exist) says nothing.
 */

#include "base/ev.h"
#include "runner/queue/jobs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admission;

struct admission_settings {
    const char *dir; /* whose file system is meant; borrowed */
    uint64_t min_free_bytes;
    size_t max_unsent;
    unsigned pause_after; /* 0: never */
    int64_t pause_ms;     /* the first one */
};

/* `on_change` is called when it may be worth another look. All borrowed. */
struct admission *admission_new(struct ev *ev, const struct admission_settings *settings,
                                void (*on_change)(void *data), void *data);
/* Other settings from now on. */
void admission_set(struct admission *admission, const struct admission_settings *settings);
void admission_free(struct admission *admission);

/* Why no task may be claimed now, as half a sentence that stays the same while it lasts; NULL: one may. */
const char *admission_reason(struct admission *admission, size_t unsent, size_t running);

/* A task has its result, which ends the series, makes it longer, or says nothing. */
void admission_task_ended(struct admission *admission, enum jobs_end end);
