#pragma once

/* Changes options while the program runs. */

#include "base/opt/opt.h"

/*
 * Takes the values of the live rows from a second opt_parse() of the same table. Returns the names
 * of the options that changed, and of those that did but are not live. Secrets, which are only
 * available the first time, are in neither. Both sets are freed as usual.
 */
void opt_take_live(struct opt_set *set, void *config, struct opt_set *fresh, void *fresh_config,
                   struct strv *ret_taken, struct strv *ret_left);
