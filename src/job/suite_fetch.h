#pragma once

/*
 * Fetches the test suite into job->tests. The cache keeps its tree, one directory per commit, so
 * that a task costs one query to the suite's repository and, without a sandbox, a copy.
 */

#include "base/err.h"
#include "job/git/repo.h"
#include "job/job.h"

#include <stdbool.h>

struct suite_fetched {
    char commit[REPO_HASH_BYTES];
    unsigned submodules; /* left empty; 0 if the tree was in the cache */
};

/* Fetches the suite. Errors of its repository are of class environment, not task. */
int suite_fetch(const struct job *job, struct suite_fetched *ret_fetched, struct err *err);

/*
 * Makes job->tests the tree in the cache, which no process changes: in a sandbox, no copy is
 * needed. Fetches the tree again if it was evicted meanwhile.
 */
int suite_fetch_use_tree(struct job *job, struct suite_fetched *fetched, struct err *err);

/*
 * As root, changes the owner of the tree to the user who owns suites in the sandbox; otherwise does
 * nothing. Files become readable for all, and all may create files in the directories. If the owner
 * cannot be changed, as on some network file systems, the tree is copied into the sandbox instead.
 */
void suite_fetch_give(const char *tree);
