#pragma once

/* The table of slots: what runs, and what is free. */

#include "runner/slot.h"

#include <stdbool.h>
#include <stddef.h>

struct slots {
    struct slot *items;
    size_t len;
};

void slots_init(struct slots *ret_slots, const struct slot_settings *settings, size_t len);
void slots_done(struct slots *slots);

/* NULL where none is free. */
struct slot *slots_find_free(const struct slots *slots);

size_t slots_count(const struct slots *slots, enum slot_work work);

/* The one whose process this is; NULL: none. */
struct slot *slots_find(const struct slots *slots, pid_t pid);

/* Ends all descendants of ours, but for what runs in slots, and the children in `others`; 0 there is none. */
int slots_end_orphans(const struct slots *slots, const pid_t *others, size_t len, struct err *err);

/* Slots have processes as far as they know, and none is there: none of these slots would be free again. */
bool slots_are_lost(const struct slots *slots);
