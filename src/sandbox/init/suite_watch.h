#pragma once

/* Whether the suite's files still are what they were: student's code runs as the same user. */

#include "base/err.h"
#include "base/strv.h"

#include <stddef.h>

struct watched_file;

struct suite_watch {
    const struct strv *may_change; /* patterns of fnmatch(3), below the root; borrowed */
    struct watched_file *files;
    size_t len, cap;
};

/* Remembers each file of the tree. */
int suite_watch_start(struct suite_watch *watch, const char *root, struct err *err);

/*
 * The first file that was changed, replaced or removed, or that is new and would be run by python or
 * read by pytest; relative to `root`, the caller frees. NULL: none.
 */
char *suite_watch_check(const struct suite_watch *watch, const char *root);

void suite_watch_done(struct suite_watch *watch);
