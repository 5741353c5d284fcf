#pragma once

/*
 * `ostest-runner run`: executes one task without a backend, with the same ostest-job as the agent.
 */

/*
 * `argv[0]` is "run". Returns the exit status: 0 passed, 1 not passed, 2 no verdict, 130
 * interrupted.
 */
int run_command(int argc, char **argv, const char *job_program);
