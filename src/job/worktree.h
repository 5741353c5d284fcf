#pragma once

/*
 * What git would commit of a directory: its tracked and untracked files without the ignored ones, uncommitted
 * changes included, with modes and line endings as the index and the attributes have them. git itself makes
 * the tree, in a repository of our own that has the directory's objects as alternates. The directory's
 * repository is only read, and nothing that its configuration names is run (hooks, filters, fsmonitor):
 * a teacher tests what students made. Filters of the user's own configuration are run, as for a commit.
 */

#include "base/buf.h"
#include "base/err.h"
#include "job/job.h"

#include <stdbool.h>

struct worktree {
    const struct job *job; /* borrowed, like the next */
    const char *dir;
    char *repo;                         /* our repository; removed by worktree_done(); owned, like the rest */
    char *top;                          /* of the work tree */
    char *prefix;                       /* of `dir` in it, with a '/' at the end; "": it is the top */
    char *index, *objects, *attributes; /* of the directory's repository; may be missing */
    char *tree;                         /* the object name of what was taken; NULL: nothing yet */
    char object_format[16];
};

/*
 * Finds the work tree that `dir` (absolute, without links) lies in; our repository is going to be `repo`.
 * Returns -ENOENT, without a message, if there is none. Otherwise an error of class environment says why git
 * refuses it.
 */
int worktree_find(const struct job *job, const char *dir, const char *repo, struct worktree *ret_worktree,
                  struct err *err);

/* The paths of the files in `dir`, each ended by NUL; a nested repository's ends with '/'. */
int worktree_list(const struct worktree *s, struct buf *ret_list, struct err *err);

/*
 * Writes the tree to the new directory `dest`, as a clone would be checked out. `list`: those of
 * worktree_list() that count; a missing one is as if removed, unless a sparse checkout leaves it out.
 * `gone`: those that do not.
 */
int worktree_take(struct worktree *s, const struct buf *list, const struct buf *gone, const char *dest,
                  struct err *err);

/* After worktree_take(): the files whose executable bit differs from the last commit's, each ended by NUL. */
void worktree_list_new_modes(const struct worktree *s, struct buf *ret_list);

void worktree_done(struct worktree *s);
