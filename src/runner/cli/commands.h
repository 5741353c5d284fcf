#pragma once

/*
 * The commands of ostest-runner, in one table for dispatch, help and shell completion. Without a command it
 * is the agent.
 */

#include "base/opt.h"
#include "runner/config/options.h"

struct command {
    const char *name;
    const char *operands;              /* arguments, for the help; may be empty */
    const char *words;                 /* first arguments for completion, separated by '|'; may be empty */
    const char *help;                  /* one line */
    struct opt_table (*options)(void); /* NULL: no options */

    /* Either the command is the first word and parses the command line itself ... */
    int (*run)(int argc, char **argv);
    /* ... or it has the options of the agent, checks the other arguments, and is started with both. */
    const char *(*check)(const struct strv *words); /* NULL: no other arguments */
    int (*start)(const struct options *options, const struct strv *words);
};

extern const struct command commands[];
extern const size_t commands_len;

/* Returns NULL if there is no such command. */
const struct command *commands_find(const char *name);

/* Returns the arguments after the command; borrowed. */
struct strv commands_words(const struct strv *words);

/* Returns the command in the first word; NULL: the agent. Errors are added to `faults`. */
const struct command *commands_choose(const struct strv *words, struct strv *faults);
