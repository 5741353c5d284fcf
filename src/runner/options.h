#pragma once

/*
 * The runner's options: one table for command line, environment (OSTEST_…), configuration file and
 * help. docs/protocol.md lists those whose names and meaning are fixed.
 */

#include "base/err.h"
#include "base/opt.h"
#include "model/job_options.h"

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_CONFIG "config" /* the option that names the configuration file */

enum options_executor { OPTIONS_EXECUTOR_LOCAL, OPTIONS_EXECUTOR_SLURM };

struct options {
    char *backend_url;
    char *ca_file; /* for the backend alone; NULL: as http_new() chooses */
    int64_t concurrent;
    int64_t check_interval_ms;
    char *get_api, *post_api, *attempt_api, *login_api, *token_refresh_api;
    int64_t refresh_ms;
    char *name; /* of this runner, for those who look after several */
    char *login;
    char *password; /* never shown; after options_read() the one that is in force */
    char *password_file;
    bool auth;
    int logger_level; /* enum log_level */
    char *logger_output;
    int log_format;  /* enum log_format */
    char *state_dir; /* after options_read() the one that is in force */
    char *config;
    bool once;
    char *check_config;
    int64_t max_tasks; /* 0: no end */
    int64_t task_tries;
    int executor; /* enum options_executor */
    char *slurm_args;
    int64_t slurm_poll_ms;  /* between questions to Slurm */
    int64_t slurm_grace_ms; /* for files to become visible */
    uint64_t min_free_bytes;
    int64_t max_unsent;
    int64_t pause_after; /* 0: never */
    int64_t pause_ms;    /* the first one */
    uint64_t cache_bytes;
    int64_t keep_jobs;
    char *http;               /* "": no status page */
    int64_t drain_timeout_ms; /* 0: none; after options_read() never negative */
    struct job_options job;

    struct opt_set set; /* for options_write_job_file() */
    int argc;           /* for options_read_again(); borrowed */
    char **argv;
};

/*
 * Reads all of them. Each fault is one sentence in `ret_faults`, with what was given and what is
 * accepted. Words that are no options are in `set.operands`, for commands_choose(). `ret_asked` is "help",
 * "version" or "example" where that was asked for, else NULL. The caller ends `ret_options` with
 * options_done() in every case.
 */
int options_read(int argc, char **argv, struct options *ret_options, const char **ret_asked,
                 struct strv *ret_faults);
void options_done(struct options *options);

/*
 * Reads them once more, with what stands in the configuration file now, and takes over those that may change
 * while the runner works: the names of those, and of what was changed but needs a restart. Nothing is taken
 * where there are faults (-EINVAL).
 */
int options_read_again(struct options *options, struct strv *ret_taken, struct strv *ret_left,
                       struct strv *ret_faults);

/* $XDG_STATE_HOME/ostest-runner, or what stands for it; NULL where no home is known. The caller frees. */
char *options_default_state_dir(void);

/* The URL of one of the backend's places, as `get_api`. The caller frees. */
char *options_url(const struct options *options, const char *api);

/* Writes what ostest-job needs, as a configuration file of its own. No secret of the backend is in it. */
int options_write_job_file(const struct options *options, const char *path, struct err *err);

struct opt_table options_table(void);

/* What is wrong with this configuration file, whatever environment and command line say. */
void options_check_file(const char *path, struct strv *ret_faults);
