#pragma once

/* Builds a virtual environment with python's venv and pip. */

#include "base/err.h"
#include "job/job.h"

#include <stdbool.h>

struct venv_wants {
    bool python;              /* required; if false, python is used only if there is one */
    bool pytest;              /* must be installed */
    const char *requirements; /* a requirements file; NULL: none */
};

/*
 * Builds a venv of `python` with the packages in `wants` at `path`, which must not exist: in a
 * staging directory that is then renamed. Leaves nothing behind if it fails. `wants` NULL: the venv
 * uses the packages of `python`.
 */
int venv_build(const struct job *job, const char *python, const struct venv_wants *wants, const char *path,
               struct err *err);
