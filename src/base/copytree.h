#pragma once

/* Copying a tree of files. */

#include "base/err.h"

/*
 * Copies the tree at `from` to the new directory `to`: regular files with their mode and time of
 * change, directories, symbolic links as links. Other kinds of files are refused.
 */
int copytree(const char *from, const char *to, struct err *err);

/* The same for whatever `from` is. */
int copytree_entry(const char *from, const char *to, struct err *err);
