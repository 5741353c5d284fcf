#pragma once

/* What all steps of a job share: its options, its places on disk, and how it is stopped. */

#include "base/strv.h"
#include "job/git.h"
#include "model/job_options.h"
#include "model/task.h"

struct job {
    const struct job_options *options;
    const char *cache_dir;
    const char *dir;      /* jobs/<key>; the paths below are in it, and owned */
    char *src;            /* the student's files */
    char *tests;          /* the suite's */
    char *home;           /* HOME of the test run, its TMPDIR below */
    char *report;         /* where the suite writes its report */
    char *events;         /* where the pytest plugin writes */
    int cancel_fd;        /* readable: stop */
    char *credentials[2]; /* files for the URL's credentials: of the student's repository, of the suite's */
    struct git git;       /* with the first of them */
    struct task task;
};

void job_init(struct job *ret_job, const struct job_options *options, const char *cache_dir, const char *dir,
              int cancel_fd);
void job_done(struct job *job);

/* Removes all that a run makes in the directory, but task, logs and result. */
int job_clean(const struct job *job, struct err *err);
