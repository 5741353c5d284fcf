#pragma once

/*
 * One attempt from top to bottom: fetch, prepare, run, judge, write. Reads task.json in the job's
 * directory and writes result.json there.
 */

#include "base/err.h"
#include "job/job.h"
#include "model/job_exit.h"

/*
 * Returns 0 if result.json was written, also with an error result; `ret_exit` tells whose fault
 * that is. Returns -ECANCELED (class cancelled) if the job was told to stop, and -ENOSPC, -EDQUOT
 * or -EROFS if the disk is full or read-only: then there is no result, and the claim needs another
 * attempt. Any other error: even the result could not be written.
 */
int pipeline_run(const struct job_setup *setup, enum job_exit *ret_exit, struct err *err);
