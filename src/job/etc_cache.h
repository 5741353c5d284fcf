#pragma once

/*
 * The sandbox's /etc (sandbox/etc.h), kept in the cache: a job builds it if this host's has changed, and
 * otherwise only looks at the times of the files that it was made from.
 */

#include "base/err.h"

/*
 * Finds or builds the tree below `cache_dir` and keeps it from being evicted until this process ends. The
 * caller frees `ret_dir`. -ECANCELED when `cancel_fd` becomes readable while another job builds it.
 */
int etc_cache_take(const char *cache_dir, int cancel_fd, char **ret_dir, struct err *err);
