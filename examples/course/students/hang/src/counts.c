#include "counts.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>

/* Counts one line, including its newline. */
static void count_line(FILE *in, struct counts *counts)
{
    bool in_word = false;
    int c;

    do {
        bool was_in_word = in_word;

        c = getc(in);
        in_word = !isspace(c);
        if (in_word && !was_in_word)
            counts->words++;
        counts->bytes++;
    } while (c != '\n');
    counts->lines++;
}

int counts_read(FILE *in, struct counts *counts)
{
    int c;

    *counts = (struct counts){0};
    while ((c = getc(in)) != EOF) {
        ungetc(c, in);
        count_line(in, counts);
    }
    return ferror(in) ? -1 : 0;
}

int counts_read_file(const char *name, struct counts *counts)
{
    FILE *in = fopen(name, "r");

    if (in == NULL)
        return -1;

    int status = counts_read(in, counts);
    int read_errno = errno;

    fclose(in);
    errno = read_errno;
    return status;
}
