#pragma once

/* `ostest-runner completion SHELL`: what the shell needs to finish options and words, from the tables. */

#define COMPLETION_SHELLS "bash|zsh|fish"

/* Prints to standard output. 0, or 2 where the shell is none of them. */
int completion_command(int argc, char **argv);
