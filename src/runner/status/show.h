#pragma once

/* Small helpers for the JSON of the status page. */

#include "base/buf.h"

#include <jansson.h>
#include <stddef.h>

/*
 * Sets a member to a text from outside, made valid UTF-8 and cut to `max_bytes`; null if it is
 * NULL.
 */
void show_text(json_t *object, const char *name, const char *text, size_t max_bytes);

/* Appends the compact JSON text and drops the reference. Returns what buf_append() returns. */
int show_append(struct buf *out, json_t *value);
