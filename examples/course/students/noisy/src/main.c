/* wordstat: counts the lines, words and bytes of files. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "counts.h"
#include "options.h"
#include "serve.h"

enum { TRACE_STEPS = 400 * 1000 };

static void trace(FILE *out)
{
    setvbuf(out, NULL, _IOFBF, BUFSIZ);
    for (int step = 1; step <= TRACE_STEPS; step++)
        fprintf(out, "trace: step %6d of %d: looking for the usage text...\n", step, TRACE_STEPS);
}

static void print_usage(FILE *out)
{
    fputs("usage: wordstat [--config FILE] FILE\n"
          "       wordstat [--config FILE] --serve\n"
          "       wordstat --help\n", out);
}

static int count_file(const char *name, unsigned show)
{
    struct counts counts;

    if (counts_read_file(name, &counts) == -1) {
        fprintf(stderr, "wordstat: %s: %s\n", name, strerror(errno));
        return -1;
    }
    counts_print(stdout, &counts, show, name);
    return 0;
}

static int run(const struct options *options, struct config *config)
{
    if (options->config != NULL && config_read(config, options->config) == -1)
        return -1;
    if (options->serve)
        return serve(config);
    return count_file(options->file, config->show);
}

int main(int argc, char **argv)
{
    struct options options;
    struct config config;

    if (options_parse(argc, argv, &options) == -1) {
        print_usage(stderr);
        return EXIT_FAILURE;
    }
    if (options.help) {
        trace(stdout);
        trace(stderr);
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    if (config_init(&config) == -1) {
        perror("wordstat");
        return EXIT_FAILURE;
    }

    int status = run(&options, &config);

    config_free(&config);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
