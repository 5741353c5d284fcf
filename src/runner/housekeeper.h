#pragma once

/* Has a job of its own trim the caches, beside the slots: at the start, and after tasks, but not too often.
 */

#include "base/children.h"
#include "base/ev.h"
#include "runner/slot.h"

#include <stdbool.h>

struct housekeeper;

/* All borrowed. */
struct housekeeper *housekeeper_new(struct ev *ev, struct children *children,
                                    const struct slot_program *program);
void housekeeper_free(struct housekeeper *h);

/* There may be something to do: starts it now or later. */
void housekeeper_kick(struct housekeeper *h);

/* From now on nothing is started; what runs is told to stop. */
void housekeeper_stop(struct housekeeper *h);

bool housekeeper_is_busy(const struct housekeeper *h);
