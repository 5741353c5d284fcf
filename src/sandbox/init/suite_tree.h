#pragma once

/*
 * The suite's files inside the sandbox. They are the lower layer of an overlay, so that whatever happens to
 * one of them shows in the upper layer, which nothing but pid 1 can reach. Where the kernel cannot mount an
 * overlay here, they are copied, and compared with the originals at the end.
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <time.h>

/* What became of the suite. */
struct suite_change {
    char *path;  /* relative to the root; NULL: nothing that matters; owned */
    bool is_new; /* a new file that a tool prefers to the suite's own */
};

struct suite_tree {
    const struct strv *may_change; /* patterns of fnmatch(3), below the root; borrowed */
    int lower_fd;                  /* the suite as it was */
    int changed_fd;                /* the upper layer, or the copy */
    struct timespec copied;        /* no file of an unchanged copy has a later ctime; not for an overlay */
    bool is_overlay;
    int news_fd;              /* inotify(7): readable if there is something new in the suite's directories */
    struct strv news_dirs;    /* paths, by watch descriptor */
    size_t watches;           /* how many directories are watched */
    struct suite_change seen; /* the first change that the kernel told of */
};

/* Nothing is open. */
void suite_tree_init(struct suite_tree *tree, const struct strv *may_change);

/*
 * Puts the suite at `lower` in place at `to`, which is made. `layers`: a directory for the overlay's own use,
 * on a file system that nothing else can reach. Fills `ret_why` with the reason if the files had to be
 * copied.
 */
int suite_tree_open(struct suite_tree *tree, const char *lower, const char *layers, const char *to,
                    struct err *ret_why, struct err *err);

/*
 * Has the kernel tell of new names in the suite's own directories, since a file that decides what a tool does
 * may be gone again at the end; in the directory above, too; and of directories of a copy that are moved
 * away. No directory that is made later is watched.
 */
int suite_tree_watch(struct suite_tree *tree, const char *root, struct err *err);

/* Takes what the kernel tells; to be called whenever `news_fd` is readable. */
void suite_tree_take_news(struct suite_tree *tree);

/*
 * Returns the first original that was changed, replaced or removed, or the first new file beside originals
 * that a tool would take in their place. To be called once, when no other process is left.
 */
struct suite_change suite_tree_check(struct suite_tree *tree);

void suite_tree_done(struct suite_tree *tree);
