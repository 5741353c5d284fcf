#pragma once

/* A text as a file in memory: what reads files by name takes it by the name that the kernel gives it. */

#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* The same path each time. */
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
