#pragma once

/* The options of a table as text of a configuration file. */

#include "base/opt.h"

#include <stdio.h>

/* What is in force, a line each, with where it came from. Secrets, and passwords in URLs, are not shown. */
void opt_file_print(const struct opt_set *set, FILE *out);

/* A file with every option that it may hold, explained, and commented out with its default. */
void opt_file_print_example(const struct opt_set *set, FILE *out);
