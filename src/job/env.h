#pragma once

/*
 * The environment of a test run: its python, and every variable that the suite sees. Nothing is
 * inherited from the runner's own environment.
 *
 * The python always belongs to a venv built here (job/witness.h). With --env auto the venv uses the
 * system's packages if these satisfy the suite's requirements, else it contains the packages that
 * the requirements name. It is built once for each python and set of requirements, under a lock, in
 * a staging directory that is then renamed, and kept in the cache for all jobs.
 */

#include "base/err.h"
#include "base/strv.h"
#include "job/job.h"
#include "job/venv.h"

#include <stdbool.h>

struct env {
    char *dir;             /* of the venv; NULL if there is no python, and the suite needs none */
    char *python;          /* path of its interpreter, as the run sees it; NULL likewise */
    char *base_python;     /* the interpreter that the venv was made with; NULL likewise */
    struct strv variables; /* "NAME=value", complete */
    struct strv places;    /* directories that python needs besides `dir` and /usr */
    bool is_venv;          /* has packages of its own */
};

/*
 * Finds or builds the environment. Returns an error of class environment, with the package's name,
 * if the requirements cannot be met. The caller ends `ret_env` with env_done().
 */
int env_prepare(const struct job *job, const struct venv_wants *wants, struct env *ret_env, struct err *err);
void env_done(struct env *env);
