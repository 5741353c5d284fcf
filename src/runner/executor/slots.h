#pragma once

/* The table of slots. */

#include "runner/executor/slot.h"

#include <stdbool.h>
#include <stddef.h>

struct slots {
    struct slot *items;
    size_t len;
};

void slots_init(struct slots *ret_slots, const struct slot_settings *settings, size_t len);
void slots_done(struct slots *slots);

/* Returns NULL if none is free. */
struct slot *slots_find_free(const struct slots *slots);

size_t slots_count(const struct slots *slots, enum slot_work work);
