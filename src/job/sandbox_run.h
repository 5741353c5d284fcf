#pragma once

/*
 * The sandbox of one test run: its control group, bubblewrap's command line, and the messages of
 * ostest-init inside (src/sandbox/init_protocol.h). Order of use: open, attach, proc_run(), close,
 * done.
 */

#include "base/err.h"
#include "base/proc.h"
#include "base/strv.h"
#include "job/job.h"
#include "sandbox/bwrap.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_slurm.h"
#include "sandbox/init_protocol.h"

#include <stdbool.h>
#include <stdint.h>

/* Limit of directories such as a venv, or a python outside of /usr. */
#define SANDBOX_RUN_MAX_PLACES 8

/* A directory, and the path at which bwrap finds it. */
struct sandbox_run_stage {
    char *source, *path; /* owned */
};

struct sandbox_run {
    uid_t uid; /* the user that bwrap runs as; 0: the job's own */
    struct sandbox_run_stage stages[SANDBOX_RUN_MAX_PLACES + 5];
    int stages_len;
    struct bwrap bwrap; /* its argv is the whole command */
    struct cgroup group;
    enum cgroup_kind group_kind; /* stays valid after close */
    struct cgroup_fds cgroup_fds;
    struct cgroup_slurm slurm;       /* the job's group in a cluster; else its dir is NULL */
    int sample_fd;                   /* timer for samples of Slurm's group while a test runs */
    int keep_fds[BWRAP_MAX_FDS + 2]; /* inherited by bwrap */
    size_t keep_fds_len;
    int control[2]; /* ours, ostest-init's */
    int report_fd;
    int userns_fd;         /* user namespace for bwrap; -1: it creates one */
    uint64_t report_bytes; /* received so far */

    bool started, ended;
    int status; /* of the suite, as waitpid(2) returns it */
    int64_t cpu_us;
    unsigned leftovers;
    char *failed; /* why ostest-init could not start the suite; NULL: it could; owned, as below */
    int failed_code;
    char *copied;       /* why the suite's files were copied; NULL: they were not, but overlaid */
    char *changed;      /* a file of the suite that was changed during the run; NULL: none */
    bool change_is_new; /* it is a new one that tools prefer to the suite's own */
    char *no_report;    /* why there is no report; NULL: there is one, in job->report */
    bool full[2];       /* by enum box_full */
    struct cgroup_hits hits;
};

/* What runs in the sandbox; all borrowed. */
struct sandbox_run_spec {
    const struct strv *command;
    const struct strv *variables;  /* the whole environment */
    const char *channel;           /* directory of the socket (job/channel.h) */
    const char *environment;       /* directory of the venv; NULL: none */
    const struct strv *places;     /* directories that are visible read-only at the same path */
    const struct strv *may_change; /* files of the suite; patterns of fnmatch(3) */
    bool without_src;              /* leaves out the student's files */
};

/* Initialises a sandbox without open descriptors. */
void sandbox_run_init(struct sandbox_run *s);

/*
 * Creates the group and the command line. Returns an error of class environment if this machine
 * cannot. Nothing stays open after an error.
 */
int sandbox_run_open(const struct job *job, const struct sandbox_run_spec *spec,
                     struct sandbox_run *ret_sandbox, struct err *err);

/* Sets up `run` for proc_run(). The sandbox must not move in memory until that returns. */
void sandbox_run_attach(struct sandbox_run *s, const struct job *job, struct proc_run *run);

/* Returns true if Slurm's group is measured, since the task has no group of its own. */
bool sandbox_run_is_in_slurms(const struct sandbox_run *s);

/* Measure one test. `pid`: the process that runs the tests, in the job's pid namespace. */
void sandbox_run_test_begin(struct sandbox_run *s, pid_t pid);
void sandbox_run_test_end(struct sandbox_run *s, struct cgroup_usage *ret_usage);

/* Returns the bytes of memory in use now; 0 if they are not measured. */
uint64_t sandbox_run_memory_now(const struct sandbox_run *s);

/*
 * Removes the group after the run. Returns an error if the suite was not started, or if the machine
 * ran out of memory.
 */
int sandbox_run_close(struct sandbox_run *s, const struct job *job, const struct proc_run *run,
                      struct err *err);
void sandbox_run_done(struct sandbox_run *s);

/* Kills and removes the group that a dead job of this directory may have left. */
int sandbox_run_clean(const struct job *job, struct err *err);
