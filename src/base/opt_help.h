#pragma once

/* The options of a table as text for people. */

#include "base/opt.h"

#include <stdio.h>

/*
 * What --help shows: under each group's heading an option with its argument, what it is for and its
 * default, in lines that fit a terminal of 80 columns.
 */
void opt_help_print(const struct opt *table, size_t len, FILE *out);
