#pragma once

/*
 * Cuts what comes from a pipe into lines. Empty ones are left out; one that is longer than the buffer comes
 * in pieces.
 */

#include <stdbool.h>
#include <stddef.h>

struct lines {
    char *buf; /* the caller's; `size` bytes, at least 2: the piece with a NUL */
    size_t size;
    void (*take)(const char *line, void *data);
    void *data;
    size_t len;   /* of the line that has no end yet */
    bool goes_on; /* what is in `buf` is not its first piece */
};

void lines_add(struct lines *lines, const char *data, size_t len);

/* Hands over what has no end yet. */
void lines_end(struct lines *lines);
