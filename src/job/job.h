#pragma once

/* What all steps of a job share: its options, its paths, and how it is stopped. */

#include "base/strv.h"
#include "job/git/git.h"
#include "model/job_options.h"
#include "model/progress.h"
#include "model/summary.h"
#include "model/task.h"
#include "sandbox/cgroup_find.h"

/* Paths as the test run sees them. */
struct job_inside {
    const char *src, *tests, *home, *tmp, *report;
};

/* The parameters of a job; all borrowed. */
struct job_setup {
    const struct job_options *options;
    const char *cache_dir;
    const char *dir;         /* jobs/<key> */
    const char *src_dir;     /* replaces the student's repository; NULL: not replaced */
    const char *tests_dir;   /* replaces the suite's; NULL: not replaced */
    bool tells_progress;     /* logs progress lines (model/progress.h) */
    bool reports;            /* writes report.html */
    int slot;                /* number among the jobs that run at the same time */
    int cancel_fd;           /* readable: stop */
    const char *cluster_job; /* id of our own Slurm job; NULL: none */
};

/* Facts about the attempt, collected so far, that are not in its result. */
struct job_seen {
    struct summary summary;
    char *suite_commit;         /* NULL: none; owned */
    char *pointers;             /* sentence about git LFS pointers; NULL: none; owned */
    bool students_host_is_away; /* though the suite could be fetched */
    bool has_run;               /* the tests ran; the rest is about that run */
    enum cgroup_kind group;
    bool in_slurms_group;
    bool has_witness;          /* pytest reported its tests through the plugin */
    uint64_t dropped_bytes[2]; /* of standard output and standard error */
};

struct job {
    const struct job_options *options;
    const char *cache_dir;
    const char *dir; /* contains the paths below, which are owned */
    const char *src_dir, *tests_dir;
    bool tells_progress, reports;
    char *src;                /* the student's files */
    char *tests;              /* the suite's: a copy, or in a sandbox the tree in the cache */
    char *home;               /* HOME of a test run without a sandbox */
    char *tmp;                /* its TMPDIR */
    char *report;             /* the suite's report */
    struct job_inside inside; /* borrowed from the above, or constants of the sandbox */
    int slot, cancel_fd;
    const char *cluster_job;
    char *credentials[2]; /* temporary files: of the student's repository, of the suite's */
    struct git git;       /* uses the first of them */
    struct task task;
    struct job_seen seen;
    int64_t stage_start_ms;
    enum summary_stage stage; /* SUMMARY_STAGES: none yet */
};

void job_init(struct job *ret_job, const struct job_setup *setup);

/* Log a progress line if `tells_progress` is set. */
void job_tell(const struct job *job, const struct progress *progress);
void job_tell_text(const struct job *job, enum progress_kind kind, const char *text);

/* Records how long the last stage took and begins the next; SUMMARY_STAGES: begins none. */
void job_enter_stage(struct job *job, enum summary_stage stage);

/* Returns true if the tests run in a sandbox. */
bool job_is_sandboxed(const struct job *job);
void job_done(struct job *job);

/* Removes all that an attempt makes in the directory, except task, logs and result. */
int job_clean(const struct job *job, struct err *err);
