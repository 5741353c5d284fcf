#pragma once

/* Copies trees of files. */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* The limits of a copy. */
struct copytree_bounds {
    uint64_t left_bytes; /* in and out: for all files together; beyond it: -EFBIG (class limit) */
    int cancel_fd;       /* if readable between two files: -ECANCELED (class cancelled); -1: none */
    bool has_skipped;    /* the directory below is skipped */
    dev_t skipped_dev;
    ino_t skipped_ino;
    bool leaves_special; /* other kinds of files are skipped rather than refused */
};

/* Returns true if this is the directory to skip. */
bool copytree_is_skipped(const struct copytree_bounds *bounds, const struct stat *st);

/*
 * Copies the tree at `from` to the new directory `to`: regular files with their mode and
 * modification time, directories, and symbolic links as links. Refuses other kinds of files.
 */
int copytree(const char *from, const char *to, struct err *err);

/* Like copytree(), within bounds, which may be NULL. */
int copytree_within(const char *from, const char *to, struct copytree_bounds *bounds, struct err *err);

/* Like copytree_within(), but `from` may be any kind of entry. */
int copytree_entry(const char *from, const char *to, struct copytree_bounds *bounds, struct err *err);
