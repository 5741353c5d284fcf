#pragma once

/*
 * The sandbox's /etc: its own files and copies of the host's. It is built once for each state of
 * the host and mounted read-only, so that a task costs one mount.
 *
 * Users, host names and name resolution are the sandbox's own. Copied from the host are:
 * - what the C library, the linker, fontconfig and TLS libraries look up under fixed names,
 * - what symbolic links in /usr point to, such as a JDK's configuration.
 * Only files and directories that everybody on the host may read are copied, and none that seems to
 * contain a secret (docs/sandbox.md).
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdint.h>

/* The sources of a tree. */
struct etc_sources {
    struct strv paths; /* in the order in which they were read */
    uint64_t hash;     /* hash of the paths, as returned by etc_hash() */
};

/*
 * Builds the tree at `to`, which must not exist. `root` is a prefix of the host's paths; "" except
 * in tests. The caller frees `ret_sources->paths`.
 */
int etc_build(const char *root, const char *to, struct etc_sources *ret_sources, struct err *err);

/*
 * Returns a hash of the paths, of their inodes and times, and of the sandbox's own files. It
 * changes when one of the files changes, when packages are installed, and with a new version of
 * this code.
 */
uint64_t etc_hash(const char *root, const struct strv *paths);
