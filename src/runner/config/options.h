#pragma once

/*
 * The runner's options: one table for command line, environment (OSTEST_…), configuration file and
 * help. docs/protocol.md lists those whose names and meaning are fixed.
 */

#include "base/err.h"
#include "base/opt/opt.h"
#include "model/job_options.h"

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_CONFIG "config" /* the option that names the configuration file */

enum options_executor { OPTIONS_EXECUTOR_LOCAL, OPTIONS_EXECUTOR_SLURM };

struct options {
    char *backend_url;
    char *ca_file; /* for the backend only; NULL: default of http_new() */
    int64_t concurrent;
    int64_t check_interval_ms;
    char *get_api, *post_api, *attempt_api, *login_api, *token_refresh_api;
    int64_t refresh_ms;
    char *name; /* of this runner */
    char *login;
    char *password; /* never shown; after options_read() the one in force */
    char *password_file;
    bool auth;
    int logger_level; /* enum log_level */
    char *logger_output;
    int log_format;  /* enum log_format */
    char *state_dir; /* after options_read() the one in force */
    char *config;
    bool once;
    char *check_config;
    int64_t max_tasks; /* 0: no limit */
    int64_t task_tries;
    int executor; /* enum options_executor */
    char *slurm_args;
    int64_t slurm_poll_ms;  /* interval of queries of Slurm */
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
 * Reads all options. Each error is a sentence in `ret_faults`, with the given and the accepted
 * value. Other arguments are in `set.operands`, for dispatch_choose(). `ret_asked` is "help",
 * "version" or "example" if that was given, else NULL. The caller must call options_done() in any
 * case.
 */
int options_read(int argc, char **argv, struct options *ret_options, const char **ret_asked,
                 struct strv *ret_faults);
void options_done(struct options *options);

/*
 * Reads the options again, with the current configuration file, and applies those that can change
 * while the runner works. `ret_taken` has their names, `ret_left` those of changed options that
 * need a restart. If there are errors, returns -EINVAL and changes nothing.
 */
int options_read_again(struct options *options, struct strv *ret_taken, struct strv *ret_left,
                       struct strv *ret_faults);

/*
 * Returns $XDG_STATE_HOME/ostest-runner or its default; NULL without a home directory. The caller
 * frees.
 */
char *options_default_state_dir(void);

/* Returns the URL of a path of the backend, such as `get_api`. The caller frees. */
char *options_url(const struct options *options, const char *api);

/* Writes the configuration file of ostest-job, which has no secrets of the backend. */
int options_write_job_file(const struct options *options, const char *path, struct err *err);

struct opt_table options_table(void);

/* Checks a configuration file by itself, without environment and command line. */
void options_check_file(const char *path, struct strv *ret_faults);
