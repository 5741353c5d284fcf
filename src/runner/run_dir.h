#pragma once

/*
 * The directories run-* of `ostest-runner run` below the state directory. Each is locked by the run that it
 * belongs to (flock(2) on the directory): one that can be locked, and in which no job is ending, is left of
 * a dead run.
 */

#include "base/err.h"

struct run_dir {
    char *path; /* NULL: none */
    int lock_fd;
};

/* Makes a new one. */
int run_dir_make(const char *state_dir, struct run_dir *ret_dir, struct err *err);

/* Lets ostest-job clean up behind a job that died in there. */
void run_dir_clean(const char *path, const char *job_program, const char *state_dir);

/* Removes it. */
void run_dir_done(struct run_dir *dir);

/* Removes those of dead runs. */
void run_dir_remove_dead(const char *state_dir, const char *job_program);
