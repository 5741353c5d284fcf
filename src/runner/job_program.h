#pragma once

/* Where ostest-job is: beside this program in a build directory, else where the installation puts it. */

/* The caller frees. */
char *job_program_find(void);
