#pragma once

/* A file that the user has named. */

#include "base/err.h"

#include <stddef.h>

/* In one step; what is there and no regular file (a link, a pipe, a device) is written into. */
int out_file_write(const char *path, const void *data, size_t len, struct err *err);
