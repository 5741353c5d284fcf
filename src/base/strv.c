#include "base/strv.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void strv_done(struct strv *v)
{
    for (size_t i = 0; i < v->len; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct strv){0};
}

void strv_take(struct strv *v, char *s)
{
    v->items = mem_resize(v->items, v->len + 2, sizeof(*v->items));
    v->items[v->len++] = s;
    v->items[v->len] = NULL;
}

void strv_push(struct strv *v, const char *s)
{
    strv_take(v, mem_strdup(s));
}

void strv_pushf(struct strv *v, const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        abort();
    va_end(ap);
    strv_take(v, s);
}

void strv_extend(struct strv *v, const struct strv *from)
{
    for (size_t i = 0; i < from->len; i++)
        strv_push(v, from->items[i]);
}

bool strv_contains(const struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->len; i++)
        if (strcmp(v->items[i], s) == 0)
            return true;
    return false;
}

char *strv_join(const struct strv *v, const char *separator)
{
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < v->len; i++) {
        if (i)
            buf_puts(&b, separator);
        buf_puts(&b, v->items[i]);
    }
    return buf_take(&b);
}

void strv_split(struct strv *v, const char *s, const char *separators)
{
    for (s += strspn(s, separators); *s; s += strspn(s, separators)) {
        size_t len = strcspn(s, separators);
        strv_take(v, mem_strndup(s, len));
        s += len;
    }
}
