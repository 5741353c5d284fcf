/* The command line. */

#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

struct options {
    bool help;
    bool serve;
    const char *config; /* NULL: no configuration file */
    const char *file;   /* NULL only with help or serve */
};

/* Returns 0, or -1 if the arguments are invalid. */
int options_parse(int argc, char **argv, struct options *options);

#endif
