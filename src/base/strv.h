#pragma once

/* A NULL-terminated list of strings, as used by execve(2). */

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

struct strv {
    char **items; /* owned, as are the strings; NULL while empty */
    size_t len;
};

void strv_done(struct strv *v);
void strv_push(struct strv *v, const char *s); /* copies */
void strv_pushf(struct strv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strv_take(struct strv *v, char *s); /* takes ownership */
void strv_extend(struct strv *v, const struct strv *from);
bool strv_contains(const struct strv *v, const char *s);

/* Joins the strings with `separator`; the caller frees. */
char *strv_join(const struct strv *v, const char *separator);

/* Appends the parts of `s`, split at each character of `separators`; skips empty parts. */
void strv_split(struct strv *v, const char *s, const char *separators);
