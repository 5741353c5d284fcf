#pragma once

/* Prints the options of a table as text of a configuration file. */

#include "base/opt/opt.h"

#include <stdio.h>

/*
 * Prints the values in force with their origins, one per line. Secrets and passwords in URLs are
 * hidden.
 */
void opt_file_print(const struct opt_set *set, FILE *out);

/*
 * Prints a file with every option that it may contain, with its explanation, commented out and set
 * to its default.
 */
void opt_file_print_example(const struct opt_set *set, FILE *out);
