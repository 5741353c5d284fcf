#pragma once

/* Local directories that take the place of repositories, for `ostest-runner run`. */

#include "base/err.h"
#include "job/job.h"

/*
 * Copies the content of `dir` to the new directory `dest`, with uncommitted changes. Of a git work
 * tree, copies only the files that git would commit: ignored files (.gitignore) would not be handed
 * in either.
 */
int local_dir_copy(const struct job *job, const char *dir, const char *dest, struct err *err);
