#pragma once

/* A file in memory with a path, for functions that read files by name. */

#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* Replaces the contents of the file. Returns its path, which is always the same. */
static inline const char *file_in_memory(const void *data, size_t len)
{
    static char path[32];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("input", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    REQUIRE(ftruncate(fd, 0) == 0 && pwrite(fd, data, len, 0) == (ssize_t)len);
    return path;
}
