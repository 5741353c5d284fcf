#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 0))) static void put(struct err *e, enum err_class class, const char *fmt,
                                                      va_list ap)
{
    e->class = class;
    vsnprintf(e->message, sizeof(e->message), fmt, ap);
}

int err_set(struct err *e, enum err_class class, int code, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        put(e, class, fmt, ap);
        va_end(ap);
    }
    return -code;
}

int err_errno(struct err *e, int code, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        put(e, ERR_INTERNAL, fmt, ap);
        va_end(ap);
        size_t used = strlen(e->message);
        snprintf(e->message + used, sizeof(e->message) - used, ": %s", strerror(code));
    }
    return -code;
}

void err_prefix(struct err *e, const char *fmt, ...)
{
    if (!e)
        return;
    struct err old = *e;
    va_list ap;
    va_start(ap, fmt);
    put(e, old.class, fmt, ap);
    va_end(ap);
    size_t used = strlen(e->message);
    snprintf(e->message + used, sizeof(e->message) - used, ": %s", old.message);
}

const char *err_class_name(enum err_class class)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",           [ERR_INTERNAL] = "internal",
        [ERR_TASK] = "task",           [ERR_ENVIRONMENT] = "environment",
        [ERR_LIMIT] = "limit",         [ERR_NETWORK] = "network",
        [ERR_CANCELLED] = "cancelled",
    };
    return names[class];
}
