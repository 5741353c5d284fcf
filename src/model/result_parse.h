#pragma once

/* Reads back a result that result_write() has written. */

#include "base/err.h"
#include "model/result.h"

#include <stddef.h>

/*
 * `unit` is the unit of memoryUsed in the body. The caller releases `ret_result` with
 * result_done(). Returns -EINVAL (class internal) if the body is not a result.
 */
int result_parse(const char *body, size_t len, enum result_memory_unit unit, struct result *ret_result,
                 struct err *err);
