/* libwordstat: counting the lines, words and bytes of a text. */

#ifndef COUNTS_H
#define COUNTS_H

#include <stddef.h>
#include <stdio.h>

struct counts {
    size_t lines; /* the last line counts even without a newline */
    size_t words; /* separated by white space */
    size_t bytes;
};

/* Which of the counts to print. */
enum {
    SHOW_LINES = 1,
    SHOW_WORDS = 2,
    SHOW_BYTES = 4,
    SHOW_ALL = SHOW_LINES | SHOW_WORDS | SHOW_BYTES
};

/* Counts the rest of `in`. Returns 0, or -1 with errno set. */
int counts_read(FILE *in, struct counts *counts);

/* Counts the file `name`. Returns 0, or -1 with errno set. */
int counts_read_file(const char *name, struct counts *counts);

/* Prints the counts selected by `show`, then the name, on one line. */
void counts_print(FILE *out, const struct counts *counts, unsigned show, const char *name);

#endif
