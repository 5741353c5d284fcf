#pragma once

/*
 * Logs trouble that repeats: the first time at its level, then, as long as it is the same, for
 * those who look closely (debug).
 */

#include "base/log.h"

#include <stdbool.h>

struct trouble {
    char last[1024];
};

/* Remembers the message. Returns the level to log it at: `level` if it is new, else debug. */
enum log_level trouble_note(struct trouble *trouble, enum log_level level, const char *message);

void trouble_log(struct trouble *trouble, enum log_level level, const char *message);

/* It is over: the next one is news again, whatever it is. Gives whether there was any. */
bool trouble_over(struct trouble *trouble);
