#pragma once

/* `ostest-runner config` and its kin: for the operator. All print to standard output. */

#include "runner/options.h"

/* The options in force, and where each comes from. */
int config_command(const struct options *options);

/* A configuration file with every option, commented out. */
void config_command_example(void);

/* What is wrong with the file alone goes to standard error. 0: nothing, else 2. */
int config_command_check(const char *path);
