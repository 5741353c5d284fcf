#pragma once

/* A result as a JUnit XML report. */

#include "base/err.h"
#include "model/result.h"

/*
 * Writes the file with out_file_write(): one testsuite "ostest", with an <error> if the result is
 * an error.
 */
int junit_file_write(const struct result *result, const char *path, struct err *err);
