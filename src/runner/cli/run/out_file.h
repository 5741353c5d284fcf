#pragma once

/* An output file named by the user. */

#include "base/err.h"

#include <stddef.h>

/*
 * Returns the reason why the file cannot be written, as a clause; NULL if none can be seen
 * beforehand.
 */
const char *out_file_check(const char *path);

/*
 * Writes the file atomically, except for links, pipes and devices, which are written to directly.
 */
int out_file_write(const char *path, const void *data, size_t len, struct err *err);
