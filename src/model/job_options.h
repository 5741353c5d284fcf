#pragma once

/*
 * The options that decide how a task is run. ostest-job accepts them itself; ostest-runner accepts
 * them among its own and passes them on in a configuration file. Both use the list JOB_OPTIONS.
 */

#include "base/buf.h"
#include "base/opt/opt.h"

#include <stdbool.h>
#include <stdint.h>

enum job_env_mode { JOB_ENV_AUTO, JOB_ENV_SYSTEM, JOB_ENV_VENV };
enum job_sandbox { JOB_SANDBOX_AUTO, JOB_SANDBOX_BWRAP, JOB_SANDBOX_NONE };
enum job_network { JOB_NETWORK_NONE, JOB_NETWORK_HOST };

struct job_options {
    char *tests_url;
    char *tests_branch; /* NULL: the default branch */
    char *git_protocols;
    int64_t timeout_ms;      /* for each process that is started; 0: none */
    int64_t proxy_timeout_s; /* passed to the suite; 0: not passed */
    int64_t sample_ms;
    int env_mode; /* enum job_env_mode */
    char *python; /* NULL: /usr/bin/python3, else python3 in the PATH */
    int sandbox;  /* enum job_sandbox */
    uint64_t memory_bytes;
    double cpus;
    int64_t pids;
    uint64_t disk_bytes;
    uint64_t output_bytes;
    int64_t inodes;
    int network;     /* enum job_network */
    int memory_unit; /* enum result_memory_unit */
    bool mock;
};

/*
 * Appends the job options of `set` as lines of a configuration file. `set` was parsed from a table
 * that contains the list; `offset` is that of the struct job_options.
 */
void job_options_print(const struct opt_set *set, size_t offset, struct buf *text);

/* Checks for a list of protocol names. Returns NULL, or what is accepted instead. */
const char *job_options_check_protocols(const char *text);
/*
 * Checks for control characters, which do not fit on a line of the configuration file. Returns
 * NULL, or what is accepted instead.
 */
const char *job_options_check_line(const char *text);

/*
 * Checks for a program name to search in the PATH, or an absolute path. Returns NULL, or what is
 * accepted instead.
 */
const char *job_options_check_program(const char *text);

/*
 * Rows for a table of `struct opt`. `type` contains a struct job_options; `member` is "job." or
 * empty. Formatted by hand, since clang-format puts each part of a row in a macro on its own line.
 */
/* clang-format off */
#define JOB_OPTIONS(type, member) \
    {"tests-url", "URL", OPT_STRING, offsetof(type, member tests_url), "https://github.com/os-nsu/tests.git", \
     .check = job_options_check_line, .help = "git repository of the test suite", .group = "Test suite", .is_live = true}, \
    {"tests-branch", "BRANCH", OPT_STRING, offsetof(type, member tests_branch), \
     .check = job_options_check_line, .help = "branch of the test suite [default branch]", .is_live = true}, \
    {"git-protocols", "LIST", OPT_STRING, offsetof(type, member git_protocols), "https,http,ssh,git", \
     .check = job_options_check_protocols, .help = "protocols that git may use; add 'file' for local repositories", .is_live = true}, \
    {"env", "MODE", OPT_CHOICE, offsetof(type, member env_mode), "auto", \
     .choices = "auto|system|venv", \
     .help = "python packages to use: the system's, those of a venv, or the system's if they suffice (auto)", .is_live = true}, \
    {"python", "PROGRAM", OPT_STRING, offsetof(type, member python), \
     .check = job_options_check_program, .help = "python interpreter for the suite [/usr/bin/python3]", .is_live = true}, \
    {"proxy-timeout", "S", OPT_INTEGER, offsetof(type, member proxy_timeout_s), "10", \
     .max = 1000000, .help = "passed to the suite as --proxy_timeout; 0: not passed", .is_live = true}, \
    {"memory-unit", "UNIT", OPT_CHOICE, offsetof(type, member memory_unit), "MB", \
     .choices = "B|KB|MB", .help = "unit of memoryUsed in results (rounded up)", .is_live = true}, \
    {"mock", NULL, OPT_FLAG, offsetof(type, member mock), "no", \
     .help = "run no tests: answer each task with a predefined report"}, \
    {"sandbox", "KIND", OPT_CHOICE, offsetof(type, member sandbox), "auto", \
     .choices = "auto|bwrap|none", \
     .help = "sandbox for students' code; auto: bwrap", .group = "Sandbox and limits of one task"}, \
    {"network", "MODE", OPT_CHOICE, offsetof(type, member network), "none", \
     .choices = "none|host", .help = "network of the tests: only their own loopback, or the host's (needs a sandbox)", .is_live = true}, \
    {"timeout", "S", OPT_SECONDS, offsetof(type, member timeout_ms), "600", \
     .max = 1000000, .help = "time limit of each step: clone, environment, test run; 0: none", .is_live = true}, \
    {"memory", "BYTES", OPT_BYTES, offsetof(type, member memory_bytes), "1G", \
     .min = 16 << 20, .max = 1e15, .help = "memory limit of one task, all processes together (needs a sandbox)", .is_live = true}, \
    {"cpus", "N", OPT_NUMBER, offsetof(type, member cpus), "1", \
     .min = 0.01, .max = 4096, .help = "processor limit of one task (needs a sandbox)", .is_live = true}, \
    {"pids", "N", OPT_INTEGER, offsetof(type, member pids), "256", \
     .min = 8, .max = 4194304, .help = "limit of processes and threads of one task (needs a sandbox)", .is_live = true}, \
    {"disk", "BYTES", OPT_BYTES, offsetof(type, member disk_bytes), "512M", \
     .min = 1 << 20, .max = 1e15, \
     .help = "size limit of one repository, packed and checked out, and of all files of one task", .is_live = true}, \
    {"inodes", "N", OPT_INTEGER, offsetof(type, member inodes), "200000", \
     .min = 1000, .max = 1e9, .help = "limit of files of one task (needs a sandbox)", .is_live = true}, \
    {"output", "BYTES", OPT_BYTES, offsetof(type, member output_bytes), "16M", \
     .min = 1024, .max = 1e12, .help = "how much of standard output and of standard error of a test run to keep", .is_live = true}, \
    {"check-proc-interval", "S", OPT_SECONDS, offsetof(type, member sample_ms), "0.1", \
     .min = 0.001, .max = 3600, .help = "time between two samples of a running task's resource use", .is_live = true}
/* clang-format on */
