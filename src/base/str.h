#pragma once

#include <stdbool.h>
#include <string.h>

/* Whether it ends with the suffix, and something stands before that. */
static inline bool str_ends_with(const char *s, const char *suffix)
{
    size_t len = strlen(s), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(s + len - suffix_len, suffix) == 0;
}
