#pragma once

/*
 * HTML, written a piece at a time. Whatever comes from outside goes through html_text() and its kin, and
 * only into the content of elements, never into a tag:
 *
 *   - what is markup is escaped; what is no UTF-8 becomes U+FFFD
 *   - codes of a terminal for colours are left out; every other control character is shown by its symbol
 *   - characters that change a text's direction, or that nobody sees, are shown by their number
 */

#include "model/result.h"

#include <stddef.h>
#include <stdint.h>

/* What html_text() may make of a byte, at most. */
#define HTML_MAX_GROWTH 6

struct html {
    result_sink_fn *sink;
    void *data;
    int error;              /* the first that the sink gave; then nothing more is written */
    uint64_t written_bytes; /* that it took */
};

/* Markup, as it is: constants, and numbers. */
void html_put(struct html *h, const char *markup);
void html_putf(struct html *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A text from outside. */
void html_text(struct html *h, const char *text, size_t len);
void html_string(struct html *h, const char *text);

/* At most so many bytes of it; then "…". */
void html_short(struct html *h, const char *text, size_t max_bytes);

/* The same, line by line: of a line that is longer than `max_line_bytes`, it is said how much is left out. */
void html_lines(struct html *h, const char *text, size_t len, size_t max_line_bytes);

/* "12 ms", "1.23 s", "3 min 20 s". */
void html_duration(struct html *h, int64_t ms);

/* "512 B", "1.5 MB": with units of 1024. */
void html_size(struct html *h, uint64_t bytes);
