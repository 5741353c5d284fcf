#pragma once

/* The options of `ostest-runner run`: those of a job, which the agent has too, and its own. */

#include "base/opt/opt.h"
#include "model/job_options.h"
#include "runner/cli/run/display.h"

struct run_options {
    char *src; /* a directory or a URL */
    char *branch;
    char *tests; /* a directory or a URL; NULL: --tests-url */
    struct strv labs, names;
    char *json, *junit, *html; /* files to write; NULL: none */
    int color;                 /* enum display_color */
    bool verbose;
    char *state_dir; /* after run_options_read() the one in force */
    char *config;
    struct job_options job;

    struct opt_set set;
};

/* As options_read(). `argv[0]` is "run". */
int run_options_read(int argc, char **argv, struct run_options *ret_options, const char **ret_asked,
                     struct strv *ret_faults);
void run_options_done(struct run_options *options);

/* As options_write_job_file(). */
int run_options_write_job_file(const struct run_options *options, const char *path, struct err *err);

struct opt_table run_options_table(void);

void run_options_print_help(void);
