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
#define BOX_MAX_PLACES 8

/* A directory of ours, and where bwrap finds it. */
struct box_stage {
    char *source, *path; /* owned */
};

struct box {
    uid_t uid; /* whom bwrap runs as; 0: as we do */
    struct box_stage stages[BOX_MAX_PLACES + 5];
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
struct box_wants {
    const struct strv *command;
    const struct strv *variables;  /* the whole environment */
    const char *channel;           /* directory of the socket for what the tests tell */
    const char *environment;       /* directory of python's environment; NULL: none */
    const struct strv *places;     /* directories that are seen read-only, at the same path */
    const struct strv *may_change; /* files of the suite; patterns of fnmatch(3) */
    bool without_src;              /* the student's files are not needed */
};

/* Nothing is open. */
void box_init(struct box *box);

/* Class environment where this machine cannot do it. */
int box_open(const struct job *job, const struct box_wants *wants, struct box *ret_box, struct err *err);

/* Sets what proc_run() needs; the box must stay where it is until that has ended. */
void box_attach(struct box *box, const struct job *job, struct proc_run *run);

/* Whether it is Slurm's group that is measured, since the task has none of its own. */
bool box_is_in_slurms(const struct box *box);

/* A test begins, and has ended; `pid`: the process that runs the tests, in our namespace. */
void box_test_begin(struct box *box, pid_t pid);
void box_test_end(struct box *box, struct cgroup_usage *ret_usage);

/* What is held now; 0: not measured. */
uint64_t box_memory_now(const struct box *box);

/* After the run: whether it came to start at all, and removes the group. */
int box_close(struct box *box, const struct job *job, const struct proc_run *run, struct err *err);
void box_done(struct box *box);

/* Ends and removes the group that a job in this directory may have left when it died. */
int box_clean(const struct job *job, struct err *err);
