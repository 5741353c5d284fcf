#pragma once

/* Has a job of its own trim the caches, beside the slots: at the start, and after tasks, but not too often.
 */

#include "base/ev.h"
#include "runner/slot.h"

#include <stdbool.h>
#include <sys/types.h>

struct housekeeper;

/* All borrowed. */
struct housekeeper *housekeeper_new(struct ev *ev, const struct slot_program *program);
void housekeeper_free(struct housekeeper *h);

/* There may be something to do: starts it now or later. */
void housekeeper_kick(struct housekeeper *h);

/* A child of ours has ended. Gives whether it was that job. */
bool housekeeper_reaped(struct housekeeper *h, pid_t pid);

/* From now on nothing is started; what runs is told to stop. */
void housekeeper_stop(struct housekeeper *h);

/* The process of that job; 0: none. */
pid_t housekeeper_pid(const struct housekeeper *h);

bool housekeeper_is_busy(const struct housekeeper *h);
