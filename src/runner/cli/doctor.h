#pragma once

/* `ostest-runner doctor`: checks what the runner needs and prints a line for each, with advice. */

#include "runner/config/options.h"

/* Returns the exit status: 0 if the runner would start, else 1. */
int doctor(const struct options *options, const char *job_program);
