#pragma once

/*
 * Finds ostest-job: beside this program in a build directory, else in the installation directory.
 */

/* The caller frees. */
char *job_program_find(void);
