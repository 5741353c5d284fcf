/* The command line. */

#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

struct options {
    bool help;
    bool serve;
    const char *config; /* NULL: no configuration file */
    const char *file;   /* NULL with help or serve only */
};

/* Returns 0, or -1 if the arguments make no sense. */
int options_parse(int argc, char **argv, struct options *options);

#endif
