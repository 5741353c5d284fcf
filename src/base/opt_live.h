#pragma once

/* Options that change while the program runs. */

#include "base/opt.h"

/*
 * Takes over what a second opt_parse() of the same table has found for the rows that are live. The names of
 * what changed, and of what did but cannot; a secret, which is not there a second time, is neither. Both are
 * ended as before.
 */
void opt_take_live(struct opt_set *set, void *config, struct opt_set *fresh, void *fresh_config,
                   struct strv *ret_taken, struct strv *ret_left);
