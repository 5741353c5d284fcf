#pragma once

/*
 * The sandbox's /etc: a tree of files of its own and of copies of the host's, made once for each state of the
 * host and mounted read-only, so that a task pays for one mount.
 *
 * The sandbox's own are the users, the names of hosts and how names are looked up. Of the host's are copied:
 *  - what the C library, the linker, fontconfig and TLS libraries look for by fixed names,
 *  - what a symbolic link in /usr leads to, such as a JDK's configuration.
 * Only files and directories that everybody on the host may read are copied, and none that seems to hold a
 * secret (docs/sandbox.md).
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdint.h>

/* What a tree was made from. */
struct etc_sources {
    struct strv paths; /* in the order in which they were looked at */
    uint64_t hash;     /* of them, as etc_hash() returns it */
};

/*
 * Builds the tree at `to`, which must not exist. `root` stands before the host's paths; "" but in tests.
 * The caller frees `ret_sources->paths`.
 */
int etc_build(const char *root, const char *to, struct etc_sources *ret_sources, struct err *err);

/*
 * Returns a hash of the paths, of their inodes and times, and of what is written into every tree. It changes
 * when one of the files does, when packages are installed, and with a new version of this code.
 */
uint64_t etc_hash(const char *root, const struct strv *paths);
