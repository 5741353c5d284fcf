#pragma once

/* `ostest-runner doctor`: what would keep the runner from its work, a line each, with what mends it. */

#include "runner/options.h"

/* Prints to standard output. 0 where the runner would start, else 1. */
int doctor(const struct options *options, const char *job_program);
