#pragma once

/* Which function executes a command. */

#include "base/strv.h"
#include "runner/config/options.h"

struct dispatch {
    const char *name; /* of the command */
    /* Either the command is the first word and parses the command line itself ... */
    int (*run)(int argc, char **argv);
    /*
     * ... or it has the options of the agent, checks the other arguments, and is started with both.
     */
    const char *(*check)(const struct strv *words); /* returns an error; NULL: no other arguments */
    int (*start)(const struct options *options, const struct strv *words);
};

/* Returns NULL if there is no such command. */
const struct dispatch *dispatch_find(const char *name);

/* Returns the arguments after the command; borrowed. */
struct strv dispatch_words(const struct strv *words);

/* Returns the command in the first word; NULL: the agent. Errors are added to `faults`. */
const struct dispatch *dispatch_choose(const struct strv *words, struct strv *faults);
