#pragma once

/* `ostest-runner help [TOPIC]`: the texts in src/runner/help/, and the options. */

/* Returns the exit status: 0, or 2 if the topic is unknown. */
int help_command(int argc, char **argv);

/* Prints the text of --help. */
void help_command_print_all(void);
