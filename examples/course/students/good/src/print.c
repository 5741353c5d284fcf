#include "counts.h"

void counts_print(FILE *out, const struct counts *counts, unsigned show, const char *name)
{
    if (show & SHOW_LINES)
        fprintf(out, "%zu ", counts->lines);
    if (show & SHOW_WORDS)
        fprintf(out, "%zu ", counts->words);
    if (show & SHOW_BYTES)
        fprintf(out, "%zu ", counts->bytes);
    fprintf(out, "%s\n", name);
}
