#pragma once

/* Copying a tree of files. */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What a copy keeps to. */
struct copytree_bounds {
    uint64_t left_bytes; /* in and out: for all files together; past it: -EFBIG (class limit) */
    int cancel_fd;       /* readable between two files: -ECANCELED (class cancelled); -1: none */
    bool has_skipped;    /* there is a directory that is left out */
    dev_t skipped_dev;
    ino_t skipped_ino;
    bool leaves_special; /* other kinds of files are left out rather than refused */
};

/* Whether it is the directory that is left out. */
bool copytree_is_skipped(const struct copytree_bounds *bounds, const struct stat *st);

/*
 * Copies the tree at `from` to the new directory `to`: regular files with their mode and time of
 * change, directories, symbolic links as links. Other kinds of files are refused.
 */
int copytree(const char *from, const char *to, struct err *err);

/* The same within bounds, which may be NULL. */
int copytree_within(const char *from, const char *to, struct copytree_bounds *bounds, struct err *err);

/* The same for whatever `from` is. */
int copytree_entry(const char *from, const char *to, struct copytree_bounds *bounds, struct err *err);
