#pragma once

/* git LFS: files that it stores elsewhere are not fetched; the tree has their pointers instead. */

/*
 * Returns a sentence about the files below `tree` that are pointers, with the name of one, or NULL
 * if there are none. The caller frees.
 */
char *lfs_tell(const char *tree);
