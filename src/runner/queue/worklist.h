#pragma once

/* Work that waits for a free slot: claims to execute, and directories of dead jobs to clean up. */

#include "runner/executor/slot.h"

#include <stdbool.h>
#include <stddef.h>

struct worklist_item {
    enum slot_work work;
    char *key;   /* owned */
    char *label; /* owned */
};

struct worklist {
    struct worklist_item *items;
    size_t len;
};

void worklist_done(struct worklist *list);
void worklist_item_done(struct worklist_item *item);

/* Copies the texts. */
void worklist_add(struct worklist *list, enum slot_work work, const char *key, const char *label);

/*
 * Removes the first item, or, unless `claims_too`, the first that is not a claim. The caller frees
 * the item.
 */
bool worklist_take(struct worklist *list, bool claims_too, struct worklist_item *ret_item);

/* Returns the number of claims. */
size_t worklist_claims(const struct worklist *list);
