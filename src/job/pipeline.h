#pragma once

/*
 * One task from top to bottom: fetch, prepare, run, judge, write. Reads task.json in the job's
 * directory and leaves result.json there.
 */

#include "base/err.h"
#include "job/job.h"
#include "model/job_exit.h"

/*
 * 0 when result.json is there, also for an error result; `ret_exit` says whether that was the machine's
 * fault. -ECANCELED (class cancelled) when we were told to stop, -ENOSPC, -EDQUOT or -EROFS where the disk
 * takes nothing more: there is no result then, and the task is to be run again. Another error: even the
 * result could not be written.
 */
int pipeline_run(const struct job_setup *setup, enum job_exit *ret_exit, struct err *err);
