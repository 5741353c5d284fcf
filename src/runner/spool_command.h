#pragma once

/* `ostest-runner spool list|retry|drop`: for the operator, beside a running runner or without one. */

#include "base/strv.h"
#include "runner/options.h"

/* What is wrong with the words behind "spool"; NULL: nothing. */
const char *spool_command_check(const struct strv *words);

/*
 *   list             the results that wait, and those that the backend refused, with its answer
 *   retry KEY…|all   refused ones are delivered again; a running runner finds them itself
 *   drop KEY…|all    refused ones are deleted
 *
 * Prints to standard output. 0, or 1 where a key is unknown or a file cannot be moved.
 */
int spool_command(const char *state_dir, const struct strv *words);
