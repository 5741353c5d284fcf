#pragma once

/*
 * The directories run-* of `ostest-runner run` in the state directory. Each is locked (flock(2)) by
 * its process: one that can be locked, and in which no job is ending, belongs to a dead process.
 */

#include "base/err.h"

struct run_dir {
    char *path; /* NULL: none */
    int lock_fd;
};

/* Creates a directory and locks it. */
int run_dir_make(const char *state_dir, struct run_dir *ret_dir, struct err *err);

/* Runs ostest-job --clean for a job that died in the directory. */
void run_dir_clean(const char *path, const char *job_program, const char *state_dir);

/* Removes the directory. */
void run_dir_done(struct run_dir *dir);

/* Removes the directories of dead processes. */
void run_dir_remove_dead(const char *state_dir, const char *job_program);
