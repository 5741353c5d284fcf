#pragma once

/* One attempt of a claim in a cluster, executed by at most one copy of the job (model/lease.h). */

#include "base/err.h"
#include "model/job_exit.h"

/*
 * Begins the attempt in `dir`. Returns -EEXIST if another copy of the job has begun it: then this
 * copy must do nothing.
 */
int lease_guard_begin(const char *dir, struct err *err);

/* Records how the attempt ended. Nothing may change in `dir` afterwards. */
int lease_guard_end(const char *dir, const char *lease, enum job_exit status, struct err *err);
