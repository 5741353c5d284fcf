#pragma once

/*
 * Wraps jansson, with limits and `struct err`. A byte order mark before an object is skipped (RFC
 * 8259, section 8.1).
 */

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

/*
 * Parses one JSON object; duplicate keys are refused. Returns a new reference, -EINVAL, or -ERANGE
 * for a number beyond 64 bits (class network: the peer broke the protocol), with the position in
 * the text.
 */
int json_parse_object(const char *text, size_t len, json_t **ret_object, struct err *err);

/* Like json_parse_object(), but reads all integers as reals, however many digits they have. */
int json_parse_object_of_reals(const char *text, size_t len, json_t **ret_object, struct err *err);

/*
 * Finds the value of the member `name` in the text of an object. It works on texts that
 * json_parse_object() refuses, since it only looks for the ends of strings and nested values.
 * Returns -ENOENT if there is no such member, -EINVAL if it is duplicate or the text is not a
 * complete object.
 */
int json_find_member(const char *text, size_t len, const char *name, const char **ret_value,
                     size_t *ret_value_len);

/*
 * Like json_find_member(), for a text that may be truncated. Finds the first member of this name
 * whose value is complete, or started if it is an object or an array; `ret_value_len` is then the
 * rest of the text. Returns -ENOENT if it is not in the text.
 */
int json_peek_member(const char *text, size_t len, const char *name, const char **ret_value,
                     size_t *ret_value_len);

/* Returns a string as JSON, with quotes and escapes; repairs invalid UTF-8. The caller frees. */
char *json_quote(const char *s, size_t len);
