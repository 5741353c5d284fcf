#include "counts.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>

int counts_read(FILE *in, struct counts *counts)
{
    bool in_word = false;
    int last = '\n';
    int c;

    *counts = (struct counts){0};
    while ((c = getc(in)) != EOF) {
        bool was_in_word = in_word;

        in_word = !isspace(c);
        if (in_word && !was_in_word)
            counts->words++;
        if (c == '\n')
            counts->lines++;
        counts->bytes++;
        last = c;
    }
    if (last != '\n')
        counts->lines++;
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
