#include "runner/cli/commands.h"

#include "base/mem.h"
#include "runner/cli/run/options.h"

const struct command commands[] = {
    {"run", "", "", "test a directory on this machine, as the server would", run_options_table},
    {"doctor", "", "", "check this machine, the suite and the backend", options_table},
    {"spool", "list | retry KEY…|all | drop KEY…|all", "list|retry|drop",
     "list, retry or drop undelivered results", options_table},
    {"config", "", "", "print the options in force and the source of each", options_table},
    {"completion", "bash | zsh | fish", COMPLETION_SHELLS, "print a shell completion script", NULL},
    {"help", "[TOPIC]", HELP_TOPICS, "show help on a topic, or list the topics", NULL},
};
const size_t commands_len = ARRAY_LEN(commands);
