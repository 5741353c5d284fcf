#pragma once

/*
 * `ostest-runner completion SHELL`: a completion script, made from the tables of commands and
 * options.
 */

/* Returns the exit status: 0, or 2 if the shell is unknown. */
int completion_command(int argc, char **argv);
