#pragma once

/*
 * The environment of a test run: which python, and every variable that the suite sees. Nothing of
 * the runner's own environment gets in.
 *
 * The python is always that of a venv of ours (job/witness.h). With --env auto it lies over the system's
 * packages if these satisfy the suite's requirements, else it has what they name. It is built once for each
 * python and set of requirements, in a staging directory that is then renamed, under a lock, kept in the
 * cache, and shared by all jobs.
 */

#include "base/err.h"
#include "base/strv.h"
#include "job/job.h"

#include <stdbool.h>

struct env {
    char *dir;             /* of the venv; NULL if there is no python, and the suite needs none */
    char *python;          /* path of the interpreter, as the run sees it; NULL likewise */
    char *base_python;     /* whose venv it is; NULL likewise */
    struct strv variables; /* "NAME=value", complete */
    struct strv places;    /* directories that python needs besides this one and /usr */
    bool is_venv;          /* with packages of its own */
};

struct env_wants {
    bool python; /* else it is only taken if there is one */
    bool pytest;
    const char *requirements; /* a requirements file; NULL: none */
};

/* Class environment, with the package's name, where the requirements cannot be met. */
int env_prepare(const struct job *job, const struct env_wants *wants, struct env *ret_env, struct err *err);
void env_done(struct env *env);
