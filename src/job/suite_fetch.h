#pragma once

/*
 * Brings the test suite into job->tests. Its tree is kept in the cache, one directory a commit, so
 * that a task costs no more than a question to its repository and, without a sandbox, a copy.
 */

#include "base/err.h"
#include "job/job.h"
#include "job/repo.h"

#include <stdbool.h>

struct suite_fetched {
    char commit[REPO_HASH_BYTES];
    unsigned submodules; /* that were left empty when the tree was made */
};

/* Faults of its repository are of class environment: they are the operator's matter, not the student's. */
int suite_fetch(const struct job *job, struct suite_fetched *ret_fetched, struct err *err);

/*
 * With a sandbox no copy is made: job->tests becomes the tree in the cache, which nobody writes to. Fetches
 * it again where it was evicted before we came to it.
 */
int suite_fetch_use_tree(struct job *job, struct suite_fetched *fetched, struct err *err);

/*
 * Gives the tree to the user whom suites belong to in the sandbox, if we are root; else does nothing. The
 * files become readable for all, and the directories such that all may make files in them. A tree that cannot
 * be given, as on some network file systems, is copied into the sandbox.
 */
void suite_fetch_give(const char *tree);
