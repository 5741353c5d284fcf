#pragma once

/* Directories of this machine in the place of repositories, for `ostest-runner run`. */

#include "base/err.h"
#include "job/job.h"

/*
 * Copies what lies in `dir` to the new directory `dest`, uncommitted changes included. Of a git work tree
 * only what git would take: what it ignores (.gitignore) would not be handed in either.
 */
int local_dir_copy(const struct job *job, const char *dir, const char *dest, struct err *err);
