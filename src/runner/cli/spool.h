#pragma once

/* `ostest-runner spool list|retry|drop`, with or without a running agent. */

#include "base/strv.h"
#include "runner/config/options.h"

/* Checks the arguments after "spool". Returns a sentence about an error; NULL: none. */
const char *spool_command_check(const struct strv *words);

/*
 *   list             lists waiting results, and refused results with the answer
 *   retry KEY…|all   puts refused results back into the spool, where a running agent finds them
 *   drop KEY…|all    deletes refused results
 *
 * Returns the exit status: 0, or 1 if a key is unknown or a file cannot be moved.
 */
int spool_command(const char *state_dir, const struct strv *words);
