#include "base/lines.h"

static void hand_over(struct lines *lines, bool is_cut)
{
    lines->buf[lines->len] = '\0';
    if (lines->len)
        lines->take(lines->buf, lines->data);
    lines->len = 0;
    lines->goes_on = is_cut;
}

void lines_end(struct lines *lines)
{
    hand_over(lines, false);
}

void lines_add(struct lines *lines, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool is_end = data[i] == '\n';
        if (is_end || lines->len == lines->size - 1)
            hand_over(lines, !is_end);
        if (!is_end)
            lines->buf[lines->len++] = data[i];
    }
}
