#pragma once

/* What a student should know of a directory that is tested as git would commit it. */

#include "base/buf.h"
#include "job/worktree.h"

/* Tells of the files in `list` (each ended by NUL) that are not the same in the directory and in `dest`. */
void worktree_notes_tell(const struct worktree *s, const struct buf *list, const char *dest);
