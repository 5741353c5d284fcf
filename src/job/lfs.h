#pragma once

/* git LFS: what it stores elsewhere is not fetched, and pointers are in the place of such files. */

/*
 * Returns a sentence about the files below `tree` that are pointers (git-lfs, docs/spec.md), with the name of
 * one, or NULL. The caller frees.
 */
char *lfs_tell(const char *tree);
