#pragma once

/* What all steps of a job share: its options, its places on disk, and how it is stopped. */

#include "base/strv.h"
#include "job/git.h"
#include "model/job_options.h"
#include "model/task.h"

/* Where things are as the test run sees them. */
struct job_inside {
    const char *src, *tests, *home, *tmp, *report;
};

struct job {
    const struct job_options *options;
    const char *cache_dir;
    const char *dir;          /* jobs/<key>; the paths below are in it, and owned */
    char *src;                /* the student's files */
    char *tests;              /* the suite's: a copy, or with a sandbox the tree in the cache */
    char *home;               /* HOME of a test run without a sandbox */
    char *tmp;                /* its TMPDIR */
    char *report;             /* the suite's report */
    struct job_inside inside; /* borrowed from the above, or constants of the sandbox */
    int slot;                 /* number among those that run at the same time */
    int cancel_fd;            /* readable: stop */
    char *credentials[2]; /* files for the URL's credentials: of the student's repository, of the suite's */
    struct git git;       /* with the first of them */
    struct task task;
};

void job_init(struct job *ret_job, const struct job_options *options, const char *cache_dir, const char *dir,
              int cancel_fd);

/* Whether the tests run in a sandbox. */
bool job_is_boxed(const struct job *job);
void job_done(struct job *job);

/* Removes all that a run makes in the directory, but task, logs and result. */
int job_clean(const struct job *job, struct err *err);
