#pragma once

/* Building one virtual environment (python's venv and pip). */

#include "base/err.h"
#include "job/env.h"
#include "job/job.h"

/*
 * Builds a venv of `python` with what is wanted at `path`, which does not exist: in a staging
 * directory that is then renamed. Leaves nothing behind if it fails. `wants` NULL: over the packages that
 * this python has.
 */
int venv_build(const struct job *job, const char *python, const struct env_wants *wants, const char *path,
               struct err *err);
