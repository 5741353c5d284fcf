#pragma once

/* A growing byte buffer with an upper limit. The bytes are always followed by a NUL. */

#include "base/err.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *data; /* owned; never NULL after the first append */
    size_t len; /* bytes, without the NUL */
    size_t cap;
    size_t limit; /* bytes; 0: none */
};

#define BUF_INIT(limit_bytes) \
    { \
        .limit = (limit_bytes) \
    }

void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */

/*
 * Append to the buffer. Return 0, or -EFBIG without appending anything if the limit would be
 * exceeded.
 */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Removes the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);

/* Returns the contents, which the caller frees, and empties the buffer. Never NULL. */
char *buf_take(struct buf *b);

/*
 * Returns a copy of the last line that is not blank, with surrounding white space removed; "" if
 * there is none. The caller frees.
 */
char *buf_last_line(const struct buf *b);
