#pragma once

/* `ostest-runner run`: one task on this machine, without a backend, by the very program that the agent uses.
 */

/* `argv[0]` is the word "run". The exit status: 0 passed, 1 not passed, 2 could not be judged, 130 stopped.
 */
int run_command(int argc, char **argv, const char *job_program);
