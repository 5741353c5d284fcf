#pragma once

#include <stdbool.h>
#include <string.h>

/*
 * Returns the part of the path that follows the directory, starting with '/'; NULL if the path is
 * not below it.
 */
static inline const char *str_path_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(path, dir, len) == 0 && path[len] == '/' ? path + len : NULL;
}

/* Returns true if the string ends with the suffix and is longer. */
static inline bool str_ends_with(const char *s, const char *suffix)
{
    size_t len = strlen(s), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(s + len - suffix_len, suffix) == 0;
}
