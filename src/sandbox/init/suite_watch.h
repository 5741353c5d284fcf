#pragma once

/* Whether the suite's files still are what they were: student's code runs as the same user. */

#include "base/err.h"
#include "base/strv.h"

#include <stddef.h>

struct watched_file;

struct suite_watch {
    const char *root;              /* borrowed, like the next */
    const struct strv *may_change; /* patterns of fnmatch(3), below the root */
    struct watched_file *files;
    size_t len, cap;
    int news_fd;           /* inotify(7) for each directory: readable when something new is there */
    struct strv news_dirs; /* below the root, by watch descriptor */
    char *found;           /* the first new file that was seen and counts; NULL: none */
};

/* Remembers each file of the tree, and has the kernel tell of new ones. */
int suite_watch_start(struct suite_watch *watch, struct err *err);

/* Takes what the kernel tells; to be called whenever `news_fd` is readable. */
void suite_watch_take_news(struct suite_watch *watch);

/*
 * The first file that was changed, replaced or removed, or that is or was new and would be run by python
 * or read by pytest; relative to the root, the caller frees. NULL: none.
 */
char *suite_watch_check(struct suite_watch *watch);

void suite_watch_done(struct suite_watch *watch);
