#pragma once

/* Prints the options of a table for people. */

#include "base/opt/opt.h"

#include <stdio.h>

/*
 * Prints the text of --help: under the heading of each group, the options with their argument, help
 * and default, in lines that fit a terminal of 80 columns.
 */
void opt_help_print(const struct opt *table, size_t len, FILE *out);
