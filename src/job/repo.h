#pragma once

/*
 * Repositories: one bare mirror per URL in the cache, shared by all jobs of the machine. A task
 * fetches into the mirror only what is new, and checks out exactly one commit from it.
 */

#include "base/err.h"
#include "job/git.h"

#include <stdbool.h>

#define REPO_HASH_BYTES 65 /* a SHA-256 object name and its NUL */

/* What is wanted of which repository; all borrowed. */
struct repo_source {
    const char *url;
    const char *branch; /* a branch, else a tag; NULL: the default branch */
    bool rarely_new;    /* asks first whether there is anything new: cheaper where mostly there is not */
};

struct repo {
    char *shown_url;              /* without credentials; owned */
    char *mirror;                 /* path of the bare mirror; owned */
    char commit[REPO_HASH_BYTES]; /* what the branch points to now */
    bool is_new;                  /* the mirror was made by this job: it is not made anew once more */
};

/*
 * Fetches what is wanted into its mirror below `cache_dir`. Retries a few times if the network fails. A
 * mirror that is damaged, or whose object format is no longer the repository's, is made anew, once. A
 * shallow repository works as with git clone. The caller ends `ret_repo`.
 */
int repo_fetch(const struct git *git, const char *cache_dir, const struct repo_source *source,
               struct repo *ret_repo, struct err *err);

/*
 * Writes the commit's files into the new directory `dest`. Refuses them if they exceed the limit of `git`
 * in bytes, or are too many. If the mirror may be damaged, makes it anew, unless this job has made it;
 * `repo` may be at a newer commit afterwards. `ret_submodules`: how many were left empty.
 */
int repo_checkout(const struct git *git, const struct repo_source *source, struct repo *repo,
                  const char *dest, unsigned *ret_submodules, struct err *err);

void repo_done(struct repo *repo);
