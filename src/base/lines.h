#pragma once

/*
 * Splits the output of a pipe into lines. Empty lines are skipped; a line longer than the buffer is
 * passed on in pieces.
 */

#include <stdbool.h>
#include <stddef.h>

struct lines {
    char *buf; /* the caller's, of `size` bytes, at least 2; holds a piece and a NUL */
    size_t size;
    void (*take)(const char *line, void *data);
    void *data;
    size_t len;   /* length of the incomplete line */
    bool goes_on; /* `buf` holds a later piece of its line */
};

void lines_add(struct lines *lines, const char *data, size_t len);

/* Passes on the last line if it is incomplete. */
void lines_end(struct lines *lines);
