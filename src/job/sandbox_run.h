#pragma once

/*
 * The sandbox of one test run: its control group, bubblewrap's command line, and what ostest-init
 * tells from inside (src/sandbox/init_protocol.h). Used in this order: open, attach, proc_run(), close.
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

/* A venv, and a python elsewhere than in /usr: there are not many. */
#define SANDBOX_RUN_MAX_PLACES 8

/* A directory of ours, and where bwrap finds it. */
struct sandbox_run_stage {
    char *source, *path; /* owned */
};

struct sandbox_run {
    uid_t uid; /* whom bwrap runs as; 0: as we do */
    struct sandbox_run_stage stages[SANDBOX_RUN_MAX_PLACES + 5];
    int stages_len;
    struct bwrap bwrap; /* its argv: the whole command */
    struct cgroup group;
    enum cgroup_kind group_kind; /* also when it is closed */
    struct cgroup_fds cgroup_fds;
    struct cgroup_slurm slurm; /* in a cluster: the job's group, in which we are; its dir is NULL elsewhere */
    int sample_fd;             /* a timer: time to look at that one, while a test runs */
    int keep_fds[BWRAP_MAX_FDS + 2]; /* that bwrap inherits */
    size_t keep_fds_len;
    int control[2]; /* ours, ostest-init's */
    int report_fd;
    int userns_fd;         /* the user namespace that bwrap is to be in; -1: one that it makes */
    uint64_t report_bytes; /* kept so far */

    bool started, ended;
    int status; /* of the suite, as waitpid(2) gives it */
    int64_t cpu_us;
    unsigned leftovers;
    char *failed; /* why ostest-init could not start the suite; NULL: it could; owned, like the next ones */
    int failed_code;
    char *copied;       /* why the suite's files were copied; NULL: they are an overlay */
    char *changed;      /* a file of the suite that was changed during the run; NULL: none */
    bool change_is_new; /* it is a new one that tools prefer to the suite's own */
    char *no_report;    /* why there is no report; NULL: there is one, in job->report */
    bool full[2];       /* by enum box_full */
    struct cgroup_hits hits;
};

/* What is to run in it; all borrowed. */
struct sandbox_run_spec {
    const struct strv *command;
    const struct strv *variables;  /* the whole environment */
    const char *channel;           /* directory of the socket for what the tests tell */
    const char *environment;       /* directory of python's environment; NULL: none */
    const struct strv *places;     /* directories that are seen read-only, at the same path */
    const struct strv *may_change; /* files of the suite; patterns of fnmatch(3) */
    bool without_src;              /* the student's files are not needed */
};

/* Nothing is open. */
void sandbox_run_init(struct sandbox_run *s);

/* Class environment where this machine cannot do it. */
int sandbox_run_open(const struct job *job, const struct sandbox_run_spec *spec,
                     struct sandbox_run *ret_sandbox, struct err *err);

/* Sets what proc_run() needs; the sandbox must not move before that has ended. */
void sandbox_run_attach(struct sandbox_run *s, const struct job *job, struct proc_run *run);

/* Whether it is Slurm's group that is measured, since the task has none of its own. */
bool sandbox_run_is_in_slurms(const struct sandbox_run *s);

/* A test begins, and has ended; `pid`: the process that runs the tests, in our namespace. */
void sandbox_run_test_begin(struct sandbox_run *s, pid_t pid);
void sandbox_run_test_end(struct sandbox_run *s, struct cgroup_usage *ret_usage);

/* What is held now; 0: not measured. */
uint64_t sandbox_run_memory_now(const struct sandbox_run *s);

/* After the run: whether it came to start at all, and removes the group. */
int sandbox_run_close(struct sandbox_run *s, const struct job *job, const struct proc_run *run,
                      struct err *err);
void sandbox_run_done(struct sandbox_run *s);

/* Ends and removes the group that a job in this directory may have left when it died. */
int sandbox_run_clean(const struct job *job, struct err *err);
