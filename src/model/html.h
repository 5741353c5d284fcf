#pragma once

/*
 * Writes HTML piece by piece. Text from outside goes through html_text() and its variants, and only
 * into the content of elements, never into a tag:
 *
 * - markup is escaped; invalid UTF-8 becomes U+FFFD
 * - terminal codes for colours are removed; other control characters are shown as symbols
 * - characters that are invisible or change the text direction are shown as numbers
 */

#include "model/result.h"

#include <stddef.h>
#include <stdint.h>

/* How many bytes html_text() writes for one byte, at most. */
#define HTML_MAX_GROWTH 6

struct html {
    result_sink_fn *sink;
    void *data;
    int error;              /* the first error of the sink; nothing is written after it */
    uint64_t written_bytes; /* bytes that the sink took */
};

/* Write markup unchanged: constants and numbers. */
void html_put(struct html *h, const char *markup);
void html_putf(struct html *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Write text from outside. */
void html_text(struct html *h, const char *text, size_t len);
void html_string(struct html *h, const char *text);

/* Writes at most `max_bytes` of a text, then "…". */
void html_short(struct html *h, const char *text, size_t max_bytes);

/* Like html_text(), but cuts lines longer than `max_line_bytes` and states how much is missing. */
void html_lines(struct html *h, const char *text, size_t len, size_t max_line_bytes);

/* Writes "12 ms", "1.23 s", "3 min 20 s". */
void html_duration(struct html *h, int64_t ms);

/* Writes "512 B", "1.5 MB", with units of 1024. */
void html_size(struct html *h, uint64_t bytes);
