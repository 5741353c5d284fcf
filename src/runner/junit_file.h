#pragma once

/* A result as a JUnit report, for programs that read those. */

#include "base/err.h"
#include "model/result.h"

/* Writes the file, as out_file_write() does: one testsuite "ostest", an <error> of the suite where the result
 * is one. */
int junit_file_write(const struct result *result, const char *path, struct err *err);
