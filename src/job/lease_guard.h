#pragma once

/* A job that is one try of a claim in a cluster: see model/lease.h. */

#include "base/err.h"
#include "model/job_exit.h"

/* Begins the try in `dir`; -EEXIST where it was begun before, so that this copy must do nothing. */
int lease_guard_begin(const char *dir, struct err *err);

/* Says how it ended. Nothing must be done in `dir` afterwards. */
int lease_guard_end(const char *dir, const char *lease, enum job_exit status, struct err *err);
