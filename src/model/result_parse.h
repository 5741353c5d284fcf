#pragma once

/* A result that was written by result_write(), read back. */

#include "base/err.h"
#include "model/result.h"

#include <stddef.h>

/*
 * -EINVAL (class internal) where it is none. `unit` is that
 * of its memoryUsed. `ret_result` is ended by the caller.
 */
int result_parse(const char *body, size_t len, enum result_memory_unit unit, struct result *ret_result,
                 struct err *err);
