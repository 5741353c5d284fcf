#pragma once

/* `ostest-runner config` and --check-config. */

#include "runner/config/options.h"

/* Prints the options in force and the source of each. Returns the exit status. */
int config_command(const struct options *options);

/* Prints a configuration file with every option, commented out. */
void config_command_example(void);

/*
 * Prints the errors of the file to standard error. Returns the exit status: 0 if there are none,
 * else 2.
 */
int config_command_check(const char *path);
