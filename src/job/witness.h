#pragma once

/*
 * Installs the witness of a test run into a venv: pytest finds our plugin there as an entry point,
 * and every python runs ostest_start.py at its start. No other process of the same user can inspect
 * a python: its file is unreadable, so the kernel makes the process undumpable at exec (execve(2),
 * prctl(2)).
 */

#include "base/err.h"
#include "job/job.h"

#include <stdint.h>

/* Adds the witness's files to a hash that names an environment. */
uint64_t witness_hash(uint64_t hash);

/*
 * Installs the witness into the venv in `staging`, by which its scripts name their interpreter.
 * `inherited`: the site-packages of the venv that contains --python, used as well; NULL: none.
 */
int witness_install(const struct job *job, const char *staging, const char *inherited, struct err *err);

/* Returns the site-packages directory of a venv, or NULL. The caller frees. */
char *witness_site_packages(const char *venv);
