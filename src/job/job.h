#pragma once

/* What all steps of a job share: its options, its places on disk, and how it is stopped. */

#include "base/strv.h"
#include "job/git.h"
#include "model/job_options.h"
#include "model/progress.h"
#include "model/summary.h"
#include "model/task.h"
#include "sandbox/cgroup_find.h"

/* Where things are as the test run sees them. */
struct job_inside {
    const char *src, *tests, *home, *tmp, *report;
};

/* What a job is started with; all borrowed. */
struct job_setup {
    const struct job_options *options;
    const char *cache_dir;
    const char *dir;         /* jobs/<key> */
    const char *src_dir;     /* in the place of the student's repository; NULL: that */
    const char *tests_dir;   /* in the place of the suite's; NULL: that */
    bool tells_progress;     /* as model/progress.h says */
    bool reports;            /* writes report.html */
    int slot;                /* number among those that run at the same time */
    int cancel_fd;           /* readable: stop */
    const char *cluster_job; /* Slurm's number of the job that we are; NULL: none */
};

/* What there is to tell of a task, so far, that is not in its result. */
struct job_seen {
    struct summary summary;
    char *suite_commit;         /* NULL: none; owned */
    char *pointers;             /* of git LFS in the student's files: a sentence; NULL: none; owned */
    bool students_host_is_away; /* though the suite's is there */
    bool has_run;               /* the rest: of the test run */
    enum cgroup_kind group;
    bool in_slurms_group;
    bool has_witness;          /* pytest told of its tests */
    uint64_t dropped_bytes[2]; /* of standard output, of standard error */
};

struct job {
    const struct job_options *options;
    const char *cache_dir;
    const char *dir; /* the paths below are in it, and owned */
    const char *src_dir, *tests_dir;
    bool tells_progress, reports;
    char *src;                /* the student's files */
    char *tests;              /* the suite's: a copy, or with a sandbox the tree in the cache */
    char *home;               /* HOME of a test run without a sandbox */
    char *tmp;                /* its TMPDIR */
    char *report;             /* the suite's report */
    struct job_inside inside; /* borrowed from the above, or constants of the sandbox */
    int slot, cancel_fd;
    const char *cluster_job;
    char *credentials[2]; /* files for the URL's credentials: of the student's repository, of the suite's */
    struct git git;       /* with the first of them */
    struct task task;
    struct job_seen seen;
    int64_t stage_start_ms;
    enum summary_stage stage; /* SUMMARY_STAGES: none */
};

void job_init(struct job *ret_job, const struct job_setup *setup);

/* Tells how far it is, where that is wanted. */
void job_tell(const struct job *job, const struct progress *progress);
void job_tell_text(const struct job *job, enum progress_kind kind, const char *text);

/* Begins the stage, and notes how long the last one took; SUMMARY_STAGES: only that. */
void job_enter_stage(struct job *job, enum summary_stage stage);

/* Whether the tests run in a sandbox. */
bool job_is_sandboxed(const struct job *job);
void job_done(struct job *job);

/* Removes all that a run makes in the directory, but task, logs and result. */
int job_clean(const struct job *job, struct err *err);
