#include "counts.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 200 * 1024 * 1024 };

static void count_text(const char *text, size_t length, struct counts *counts)
{
    bool in_word = false;

    *counts = (struct counts){.bytes = length};
    for (size_t i = 0; i < length; i++) {
        bool was_in_word = in_word;

        in_word = !isspace((unsigned char)text[i]);
        if (in_word && !was_in_word)
            counts->words++;
        if (text[i] == '\n')
            counts->lines++;
    }
    if (length > 0 && text[length - 1] != '\n')
        counts->lines++;
}

int counts_read(FILE *in, struct counts *counts)
{
    char *text = malloc(LARGEST_FILE);

    if (text == NULL)
        return -1;
    memset(text, ' ', LARGEST_FILE);
    count_text(text, fread(text, 1, LARGEST_FILE, in), counts);
    free(text);
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
