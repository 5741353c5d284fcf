#pragma once

/*
 * The suite's files inside the sandbox. They are the lower layer of an overlay, so that every
 * change shows in the upper layer, which only pid 1 can reach. If the kernel cannot mount an
 * overlay here, they are copied, and compared with the originals at the end.
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <time.h>

/* A change of the suite. */
struct suite_change {
    char *path;  /* relative to the root, owned; NULL: no change that matters */
    bool is_new; /* a new file that tools prefer to the suite's own */
};

struct suite_tree {
    const struct strv *may_change; /* patterns of fnmatch(3), below the root; borrowed */
    int lower_fd;                  /* the original suite */
    int changed_fd;                /* the upper layer, or the copy */
    struct timespec copied;        /* unchanged copies have no later ctime; unused for an overlay */
    bool is_overlay;
    int news_fd;              /* inotify(7) of the suite's directories */
    struct strv news_dirs;    /* paths, by watch descriptor */
    size_t watches;           /* number of watched directories */
    struct suite_change seen; /* the first change reported by inotify */
};

/* Initializes the tree without opening anything. */
void suite_tree_init(struct suite_tree *tree, const struct strv *may_change);

/*
 * Mounts or copies the suite at `lower` to `to`, which is created. `layers`: a directory for the
 * overlay's own use, on a file system that nothing else can reach. If the files had to be copied,
 * `ret_why` holds the reason.
 */
int suite_tree_open(struct suite_tree *tree, const char *lower, const char *layers, const char *to,
                    struct err *ret_why, struct err *err);

/*
 * Watches for new names in the suite's directories and the one above, since a file that changes a
 * tool's behaviour may be gone at the end, and for directories of a copy that are moved away.
 * Directories created later are not watched.
 */
int suite_tree_watch(struct suite_tree *tree, const char *root, struct err *err);

/* Reads the pending events; to be called whenever `news_fd` is readable. */
void suite_tree_take_news(struct suite_tree *tree);

/*
 * Returns the first original that was changed, replaced or removed, or the first new file that
 * tools would prefer to originals. To be called once, when no other process is left.
 */
struct suite_change suite_tree_check(struct suite_tree *tree);

void suite_tree_done(struct suite_tree *tree);
