#pragma once

/* jansson, with our limits and our errors. */

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

/*
 * Parses one JSON object; duplicate keys are refused. -EINVAL, or -ERANGE for a number beyond 64
 * bits (class network: what came is not what was agreed), with the place in the text; else a new
 * reference.
 */
int json_parse_object(const char *text, size_t len, json_t **ret_object, struct err *err);

/* The JSON text of a string, with its quotes: escaped, invalid UTF-8 repaired. Caller frees. */
char *json_quote(const char *s, size_t len);
