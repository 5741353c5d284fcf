#pragma once

/*
 * The sandbox's /etc (sandbox/etc.h), kept in the cache. A job rebuilds it only if one of the
 * host's files from which it was made has changed.
 */

#include "base/err.h"

/*
 * Finds or builds the tree below `cache_dir` and protects it from eviction until this process ends.
 * The caller frees `ret_dir`. Returns -ECANCELED if `cancel_fd` becomes readable while another job
 * builds the tree.
 */
int etc_cache_take(const char *cache_dir, int cancel_fd, char **ret_dir, struct err *err);
