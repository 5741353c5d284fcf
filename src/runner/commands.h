#pragma once

/*
 * What ostest-runner does besides being the agent: the words that it takes. One table for starting them, the
 * help, and the shells' completion.
 */

#include "base/opt.h"
#include "runner/options.h"

struct command {
    const char *name;
    const char *operands; /* what stands behind it, for the help; may be empty */
    const char *words;    /* those of it that a shell can complete, with '|' between; may be empty */
    const char *help;     /* one line */
    struct opt_table (*options)(void); /* NULL: it has none */

    /* Either it reads all that stands behind its name itself, as first word of the command line ... */
    int (*run)(int argc, char **argv);
    /* ... or it takes the agent's options, and the words that are none: what is wrong with those, and its
     * start. */
    const char *(*check)(const struct strv *words); /* NULL: none may stand there */
    int (*start)(const struct options *options, const struct strv *words);
};

extern const struct command commands[];
extern const size_t commands_len;

/* NULL: there is none of that name. */
const struct command *commands_find(const char *name);

/* What stands behind a command's name; borrowed. */
struct strv commands_words(const struct strv *words);

/* The command that the words begin with, NULL: the agent. What is wrong with them goes into `faults`. */
const struct command *commands_choose(const struct strv *words, struct strv *faults);
