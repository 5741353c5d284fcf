#pragma once

/*
 * One task from top to bottom: fetch, prepare, run, judge, write. Reads task.json in the job's
 * directory and leaves result.json there.
 */

#include "base/err.h"
#include "model/job_exit.h"
#include "model/job_options.h"

/*
 * 0 when result.json is there, also for an error result; `ret_exit` says whether that was the machine's
 * fault. -ECANCELED (class cancelled) when we were told to stop, -ENOSPC, -EDQUOT or -EROFS where the disk
 * takes nothing more: there is no result then, and the task is to be run again. Another error: even the
 * result could not be written.
 */
int pipeline_run(const struct job_options *options, const char *cache_dir, const char *dir, int slot,
                 int cancel_fd, enum job_exit *ret_exit, struct err *err);
