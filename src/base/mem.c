#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void mem_exhausted(void)
{
    fputs("out of memory\n", stderr);
    abort();
}

static void *or_die(void *p)
{
    if (!p)
        mem_exhausted();
    return p;
}

void *mem_alloc(size_t size)
{
    return or_die(calloc(1, size ? size : 1));
}

void *mem_resize(void *p, size_t count, size_t size)
{
    return or_die(reallocarray(p, count ? count : 1, size ? size : 1));
}

char *mem_strdup(const char *s)
{
    return s ? or_die(strdup(s)) : NULL;
}

char *mem_strndup(const char *s, size_t len)
{
    return or_die(strndup(s, len));
}

char *mem_vprintf(const char *fmt, va_list ap)
{
    char *s = NULL;
    int r = vasprintf(&s, fmt, ap);
    return or_die(r < 0 ? NULL : s);
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = mem_vprintf(fmt, ap);
    va_end(ap);
    return s;
}

void mem_free_secret(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}
