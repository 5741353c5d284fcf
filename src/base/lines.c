#include "base/lines.h"

void lines_end(struct lines *lines)
{
    lines->buf[lines->len] = '\0';
    if (lines->len)
        lines->take(lines->buf, lines->data);
    lines->len = 0;
}

void lines_add(struct lines *lines, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n' || lines->len == lines->size - 1)
            lines_end(lines);
        if (data[i] != '\n')
            lines->buf[lines->len++] = data[i];
    }
}
