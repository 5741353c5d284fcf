#pragma once

/* A file that the user has named. */

#include "base/err.h"

#include <stddef.h>

/* Why nothing can be written there, as far as that can be known before: a sentence; NULL: nothing is known.
 */
const char *out_file_check(const char *path);

/* In one step; what is there and no regular file (a link, a pipe, a device) is written into. */
int out_file_write(const char *path, const void *data, size_t len, struct err *err);
