#include "options.h"

#include <string.h>

int options_parse(int argc, char **argv, struct options *options)
{
    int i = 1;

    *options = (struct options){0};
    if (strcmp(argv[i], "--config") == 0) {
        options->config = argv[i + 1];
        i += 2;
    }
    if (strcmp(argv[i], "--help") == 0)
        options->help = true;
    else if (strcmp(argv[i], "--serve") == 0)
        options->serve = true;
    else
        options->file = argv[i];
    return i == argc - 1 ? 0 : -1;
}
