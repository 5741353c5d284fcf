#pragma once

/*
 * What makes a venv an environment of ours: pytest finds our plugin in it as an entry point, every python
 * runs ostest_start.py at its start, and no other process of the same user can look into a python: its file
 * cannot be read, so that the kernel makes it undumpable when it is executed (execve(2), prctl(2)).
 */

#include "base/err.h"
#include "job/job.h"

#include <stdint.h>

/* Adds what is installed to a hash that names an environment. */
uint64_t witness_hash(uint64_t hash);

/*
 * Installs into the venv in `staging`. `inherited`: the site-packages of the venv that --python is in, to be
 * seen as well; NULL: none. Scripts name their interpreter in `staging`.
 */
int witness_install(const struct job *job, const char *staging, const char *inherited, struct err *err);

/* The directory of packages of a venv; NULL if there is none. The caller frees. */
char *witness_site_packages(const char *venv);
