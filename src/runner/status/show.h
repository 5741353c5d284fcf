#pragma once

/* Small helpers for the JSON of the status page. */

#include "base/buf.h"

#include <jansson.h>
#include <stddef.h>

/* Sets a member to a text from outside: valid, at most `max_bytes` long; null where it is NULL. */
void show_text(json_t *object, const char *name, const char *text, size_t max_bytes);

/* Appends the compact text and gives the reference away; what it would do to the limit is buf_append()'s. */
int show_append(struct buf *out, json_t *value);
