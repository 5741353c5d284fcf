#pragma once

/*
 * What the jobs share below --cache-dir, and its limits. An entry is a directory: a mirror (repos/), the
 * tree of a suite (suites/), a virtual environment (envs/), the sandbox's /etc (etc/). Beside it lies
 * <entry>.used: its time tells when the entry was last used, and who uses it holds a shared flock(2) on it.
 * Who makes it holds <entry>.lock, and works in <entry>.new; what is being removed is called <entry>.gone.
 */

#include "base/err.h"

#include <stdint.h>

/* Notes a use of the entry, which need not be there yet, and keeps it from being evicted until this process
 * ends. */
int cache_hold(const char *entry, int cancel_fd, struct err *err);

struct cache_limits {
    uint64_t size_bytes;     /* of all entries together */
    uint64_t min_free_bytes; /* on their file system */
    uint64_t min_free_files; /* likewise */
};

struct cache_trimmed {
    uint64_t kept_bytes, evicted_bytes;
    unsigned kept, evicted;
};

/*
 * Evicts what was not used for longest until the limits hold, never what is in use; and removes what dead
 * processes have left. Stops early, without an error, when `cancel_fd` becomes readable.
 */
int cache_trim(const char *cache_dir, const struct cache_limits *limits, int cancel_fd,
               struct cache_trimmed *ret_trimmed, struct err *err);
