#pragma once

/*
 * Repositories: one bare mirror per URL in the cache, shared by all jobs of the machine. A task
 * fetches into the mirror only what is new, and checks out exactly one commit from it.
 */

#include "base/err.h"
#include "job/git.h"

#include <stdbool.h>

#define REPO_HASH_BYTES 65 /* a SHA-256 object name and its NUL */

struct repo {
    char *mirror;                 /* path of the bare mirror; owned */
    char commit[REPO_HASH_BYTES]; /* what the branch points to now */
};

/*
 * Brings `branch` (a branch, else a tag; NULL: the default branch) of `url` into its mirror below
 * `cache_dir`. With `rarely_new`, asks first whether there is anything new, which is cheaper where
 * mostly there is not. Tries a network fault again a few times. A damaged mirror is made anew.
 */
int repo_fetch(const struct git *git, const char *cache_dir, const char *url, const char *branch,
               bool rarely_new, struct repo *ret_repo, struct err *err);

/*
 * Writes the commit's files into the new directory `dest`. Refused where they are more than the
 * limit of `git` in bytes, or too many. `ret_submodules`: how many were left empty.
 */
int repo_checkout(const struct git *git, const struct repo *repo, const char *dest, unsigned *ret_submodules,
                  struct err *err);

void repo_done(struct repo *repo);
