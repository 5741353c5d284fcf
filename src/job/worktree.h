#pragma once

/*
 * The tree that git would commit of a directory: tracked and untracked files without ignored ones,
 * uncommitted changes included, with modes and line endings as index and attributes have them. git
 * itself makes the tree, in a temporary repository that has the directory's objects as alternates.
 * The directory's repository is only read, and nothing that its configuration names is run (hooks,
 * filters, fsmonitor), since a teacher may test a student's directory. Filters of the user's own
 * configuration are run, as for a commit.
 */

#include "base/buf.h"
#include "base/err.h"
#include "job/job.h"

#include <stdbool.h>

struct worktree {
    const struct job *job; /* borrowed, like the next */
    const char *dir;
    char *repo;                         /* temporary repository; owned, like the rest */
    char *top;                          /* of the work tree */
    char *prefix;                       /* of `dir` in it, ends with '/'; "" if it is the top */
    char *index, *objects, *attributes; /* of the directory's repository; may not exist */
    char *tree;                         /* object name of the tree; NULL before worktree_take() */
    char object_format[16];
};

/*
 * Finds the work tree that contains `dir` (absolute, without links). `repo`: the path for the
 * temporary repository. Returns -ENOENT, without a message, if there is no work tree; another
 * error, of class environment, says why git refuses it.
 */
int worktree_find(const struct job *job, const char *dir, const char *repo, struct worktree *ret_worktree,
                  struct err *err);

/* Lists the files in `dir`, each path ended by NUL; that of a nested repository ends with '/'. */
int worktree_list(const struct worktree *s, struct buf *ret_list, struct err *err);

/*
 * Writes the tree to the new directory `dest`, as a clone would be checked out. `list`: the files
 * of worktree_list() that belong to it; a missing one counts as removed, unless a sparse checkout
 * leaves it out. `gone`: the others.
 */
int worktree_take(struct worktree *s, const struct buf *list, const struct buf *gone, const char *dest,
                  struct err *err);

/*
 * Lists the files whose executable bit differs from the last commit's, each ended by NUL. Call it
 * after worktree_take().
 */
void worktree_list_new_modes(const struct worktree *s, struct buf *ret_list);

/* Removes the temporary repository as well. */
void worktree_done(struct worktree *s);
