#pragma once

/* jansson, with our limits and our errors. A byte order mark before an object is skipped (RFC 8259, 8.1). */

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

/*
 * Parses one JSON object; duplicate keys are refused. -EINVAL, or -ERANGE for a number beyond 64
 * bits (class network: what came is not what was agreed), with the place in the text; else a new
 * reference.
 */
int json_parse_object(const char *text, size_t len, json_t **ret_object, struct err *err);

/* The same, with all integers as reals, however many digits they have. */
int json_parse_object_of_reals(const char *text, size_t len, json_t **ret_object, struct err *err);

/*
 * Where in an object's text the value of its member `name` stands: also in a text that is refused above,
 * since of strings and of what is nested no more than the ends are looked for. -ENOENT: there is no such
 * member; -EINVAL: it is there twice, or the text is no whole object.
 */
int json_find_member(const char *text, size_t len, const char *name, const char **ret_value,
                     size_t *ret_value_len);

/*
 * The same in a text that may break off: finds the first member of this name whose value is there, or begins
 * there if it is an object or an array (`ret_value_len` is then how much is left of the text). -ENOENT: it is
 * not in what came.
 */
int json_peek_member(const char *text, size_t len, const char *name, const char **ret_value,
                     size_t *ret_value_len);

/* The JSON text of a string, with its quotes: escaped, invalid UTF-8 repaired. Caller frees. */
char *json_quote(const char *s, size_t len);
