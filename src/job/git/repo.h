#pragma once

/*
 * Repositories: one bare mirror per URL in the cache, shared by all jobs of the machine. A job
 * fetches only what is new into the mirror and checks out exactly one commit from it.
 */

#include "base/err.h"
#include "job/git/git.h"

#include <stdbool.h>

#define REPO_HASH_BYTES 65 /* a SHA-256 object name and its NUL */

/* What to fetch from which repository; all borrowed. */
struct repo_source {
    const char *url;
    const char *branch; /* a branch, else a tag; NULL: the default branch */
    bool rarely_new;    /* checks for new commits first: cheaper if there are rarely any */
};

struct repo {
    char *shown_url;              /* without credentials; owned */
    char *mirror;                 /* path of the bare mirror; owned */
    char commit[REPO_HASH_BYTES]; /* what the branch points to now */
    bool is_new;                  /* this job created the mirror, so it is not created again */
};

/*
 * Fetches the branch into its mirror below `cache_dir`. Retries twice, after pauses, if the network
 * fails. Creates a mirror anew, once, if it is damaged or if its object format is no longer the
 * repository's. Supports shallow repositories, as git clone does. The caller ends `ret_repo` with
 * repo_done().
 */
int repo_fetch(const struct git *git, const char *cache_dir, const struct repo_source *source,
               struct repo *ret_repo, struct err *err);

/*
 * Writes the commit's files into the new directory `dest`. Returns an error of class limit if they
 * exceed `limit_bytes` of `git`, or 100,000 entries. If the mirror may be damaged, creates it anew,
 * unless this job has created it; `repo` may be at a newer commit afterwards. `ret_submodules`: the
 * number of submodules, whose directories stay empty.
 */
int repo_checkout(const struct git *git, const struct repo_source *source, struct repo *repo,
                  const char *dest, unsigned *ret_submodules, struct err *err);

void repo_done(struct repo *repo);
