#pragma once

/* Warnings about a directory that is tested as git would commit it. */

#include "base/buf.h"
#include "job/worktree.h"

/* Reports the files in `list` (each ended by NUL) that differ between the directory and `dest`. */
void worktree_notes_tell(const struct worktree *s, const struct buf *list, const char *dest);
