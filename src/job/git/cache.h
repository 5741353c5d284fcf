#pragma once

/*
 * The cache that jobs share below --cache-dir, and its limits. An entry is a directory: a mirror
 * (repos/), the tree of a suite (suites/), a virtual environment (envs/), the sandbox's /etc
 * (etc/). Files beside it:
 *   <entry>.used  its mtime is the time of the last use; users hold a shared flock(2) on it
 *   <entry>.lock  locked by the process that builds the entry, in <entry>.new
 *   <entry>.gone  an entry that is being removed
 */

#include "base/err.h"

#include <stdint.h>

/*
 * Records a use of the entry, which need not exist yet, and protects it from eviction until this
 * process ends. Returns -ECANCELED if `cancel_fd` becomes readable while it waits for the lock.
 */
int cache_hold(const char *entry, int cancel_fd, struct err *err);

struct cache_limits {
    uint64_t size_bytes;     /* of all entries together */
    uint64_t min_free_bytes; /* on their file system */
    uint64_t min_free_files; /* inodes, likewise */
};

struct cache_trimmed {
    uint64_t kept_bytes, evicted_bytes;
    unsigned kept, evicted;
};

/*
 * Evicts the least recently used entries until the limits hold, but none that is in use, and
 * removes leftovers of dead processes. Stops early, without an error, when `cancel_fd` becomes
 * readable.
 */
int cache_trim(const char *cache_dir, const struct cache_limits *limits, int cancel_fd,
               struct cache_trimmed *ret_trimmed, struct err *err);
