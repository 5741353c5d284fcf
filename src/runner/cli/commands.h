#pragma once

/*
 * The commands of ostest-runner as help and shell completion show them; dispatch.h executes them.
 * Without a command ostest-runner is the agent.
 */

#include "base/opt/opt.h"
#include "runner/config/options.h"

#define COMPLETION_SHELLS "bash|zsh|fish"

/* All help topics, separated by '|'. */
#define HELP_TOPICS \
    "options|run|doctor|spool|config|completion|log|sandbox|files|environment|signals|exit-status"

struct command {
    const char *name;
    const char *operands; /* arguments, for the help; may be empty */
    /* first arguments for completion, separated by '|'; may be empty */
    const char *words;
    const char *help;                  /* one line */
    struct opt_table (*options)(void); /* NULL: no options */
};

extern const struct command commands[];
extern const size_t commands_len;
