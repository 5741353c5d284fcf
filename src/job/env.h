#pragma once

/*
 * The environment of a test run: which python, and every variable that the suite sees. Nothing of
 * the runner's own environment gets in.
 *
 * With --env auto the system's python is used where it satisfies the suite's requirements, else a
 * venv from the cache: built once per requirements and python, in a staging directory that is then
 * renamed, behind a lock, and shared by all jobs.
 */

#include "base/err.h"
#include "base/strv.h"
#include "job/job.h"

#include <stdbool.h>

struct env {
    char *python;          /* path of the interpreter; NULL where the suite needs none */
    struct strv variables; /* "NAME=value", complete */
    struct strv places;    /* directories that python needs besides /usr */
    bool is_venv;
};

struct env_wants {
    bool python;
    bool pytest;
    const char *requirements; /* a requirements file; NULL: none */
};

/* Class environment, with the package's name, where the requirements cannot be met. */
int env_prepare(const struct job *job, const struct env_wants *wants, struct env *ret_env, struct err *err);
void env_done(struct env *env);
