#pragma once

/* A fresh state directory for each test of those who work on one. */

#include "scratch.h"

#include <stdarg.h>

static int state_count;

static inline const char *at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The path of a name in the state directory, valid to the end. */
static inline const char *at(const char *fmt, ...)
{
    char name[PATH_MAX / 4];
    int len = snprintf(name, sizeof(name), "state-%d/", state_count);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name + len, sizeof(name) - (size_t)len, fmt, ap);
    va_end(ap);
    return scratch(name);
}

/* Begins the next directory and gives its path. */
static inline const char *new_state(void)
{
    char name[32];
    snprintf(name, sizeof(name), "state-%d", ++state_count);
    return make_dir(name, 0700);
}

static inline void put_file(const char *path, const char *content)
{
    make_file(path + strlen(scratch_dir) + 1, content);
}

static inline void put_dir(const char *path)
{
    make_dir(path + strlen(scratch_dir) + 1, 0700);
}

/* The file must hold just this. */
static inline void check_file(const char *path, const char *want)
{
    check_content(path, want, strlen(want));
}
