#pragma once

/*
 * Writes that fail in the middle, as on a full disk: no file can grow past a limit, also where the
 * test is root. Only for the call that is tested: the harness writes files as well.
 */

#include "test.h"

#include <signal.h>
#include <sys/resource.h>

static struct rlimit file_limit; /* the one from before */

static inline void limit_files(size_t bytes)
{
    signal(SIGXFSZ, SIG_IGN); /* then write(2) gives EFBIG */
    getrlimit(RLIMIT_FSIZE, &file_limit);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, file_limit.rlim_max});
}

static inline void unlimit_files(void)
{
    setrlimit(RLIMIT_FSIZE, &file_limit);
}
