#pragma once

/* `ostest-runner help [TOPIC]`: short texts, from src/runner/help/, and the options. */

/* All topics, with '|' between. */
#define HELP_TOPICS \
    "options|run|doctor|spool|config|completion|log|sandbox|files|environment|signals|exit-status"

/* Prints to standard output. 0, or 2 where there is no such topic. */
int help_command(int argc, char **argv);

/* What --help of the agent prints. */
void help_command_print_all(void);
