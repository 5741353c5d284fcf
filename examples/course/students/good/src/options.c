#include "options.h"

#include <string.h>

int options_parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            options->help = true;
        else if (strcmp(argv[i], "--serve") == 0)
            options->serve = true;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            options->config = argv[++i];
        else if (argv[i][0] != '-' && options->file == NULL)
            options->file = argv[i];
        else
            return -1;
    }

    bool has_file = options->file != NULL;

    return options->help || options->serve != has_file ? 0 : -1;
}
