#include "base/buf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

static void reserve(struct buf *b, size_t len)
{
    if (b->len + len < b->cap)
        return;
    size_t cap = MAX(b->cap * 2, (size_t)64);
    b->cap = MAX(cap, b->len + len + 1);
    b->data = mem_resize(b->data, b->cap, 1);
}

int buf_append(struct buf *b, const void *data, size_t len)
{
    if (b->limit && (b->len > b->limit || len > b->limit - b->len))
        return -EFBIG;
    reserve(b, len);
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_puts(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    CLEANUP(mem_freep) char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    return buf_append(b, s, (size_t)n);
}

void buf_consume(struct buf *b, size_t len)
{
    if (len == 0)
        return; /* also if no memory is allocated yet */
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
    b->data[b->len] = '\0';
}

char *buf_take(struct buf *b)
{
    reserve(b, 0);
    b->data[b->len] = '\0';
    char *data = b->data;
    *b = (struct buf){.limit = b->limit};
    return data;
}

char *buf_last_line(const struct buf *b)
{
    size_t end = b->len;
    while (end > 0 && isspace((unsigned char)b->data[end - 1]))
        end--;
    size_t start = end;
    while (start > 0 && b->data[start - 1] != '\n')
        start--;
    while (start < end && isspace((unsigned char)b->data[start]))
        start++;
    return mem_strndup(end ? b->data + start : "", end - start);
}
