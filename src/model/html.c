#include "model/html.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NUMBERS_MAX_BYTES 256

static void write_bytes(struct html *h, const char *bytes, size_t len)
{
    if (h->error || !len)
        return;
    h->error = h->sink(bytes, len, h->data);
    h->written_bytes += h->error ? 0 : len;
}

void html_put(struct html *h, const char *markup)
{
    write_bytes(h, markup, strlen(markup));
}

void html_putf(struct html *h, const char *fmt, ...)
{
    char text[NUMBERS_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    write_bytes(h, text, MIN((size_t)MAX(len, 0), sizeof(text) - 1));
}

/* ---- texts ---- */

/* A position in valid UTF-8 without NUL. */
struct cursor {
    const char *at, *end;
};

/*
 * Returns the length of a terminal code for colours or for clearing a line at the cursor: ESC [
 * digits m, or K. 0: none.
 */
static size_t color_len(const struct cursor *c)
{
    if (c->end - c->at < 3 || c->at[1] != '[')
        return 0;
    size_t len = 2 + strspn(c->at + 2, "0123456789;:");
    return (c->at + len < c->end) && (c->at[len] == 'm' || c->at[len] == 'K') ? len + 1 : 0;
}

/* Invisible characters, and those that reorder others. */
static bool is_hidden(unsigned code)
{
    static const unsigned ranges[][2] = {
        {0x80, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x115f, 0x1160},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
        {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return code != 0x200d; /* joins emoji */
    return false;
}

static unsigned decode(const struct cursor *c, size_t *ret_len)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned char first = (unsigned char)*c->at;
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    unsigned code = first & masks[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)c->at[i] & 0x3f);
    *ret_len = len;
    return code;
}

static const char *entity_of(unsigned code)
{
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&#34;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Writes the symbol of a control character (U+2400 and up). */
static void put_symbol(struct html *h, unsigned code)
{
    char text[] = {'\xe2', '\x90', (char)(0x80 + (code == 0x7f ? 0x21 : code)), '\0'};
    html_put(h, text);
}

/*
 * Writes the character at the cursor in another form, if it needs one, and returns the number of
 * bytes that were replaced; 0: it is written as it is.
 */
static size_t put_special(struct html *h, const struct cursor *c, size_t *ret_len)
{
    unsigned code = decode(c, ret_len);
    const char *entity = entity_of(code);
    if (entity)
        html_put(h, entity);
    else if (code == 0x1b && color_len(c))
        return color_len(c);
    else if (code == '\r' && c->at + 1 < c->end && c->at[1] == '\n')
        return 1;
    else if ((code < ' ' && code != '\n' && code != '\t') || code == 0x7f)
        put_symbol(h, code);
    else if (is_hidden(code))
        html_putf(h, "‹%04X›", code);
    else
        return 0;
    return *ret_len;
}

/* Returns true if the byte is a character that is written as it is. */
static bool is_plain(char ch)
{
    unsigned char c = (unsigned char)ch;
    return c >= ' ' && c < 0x7f && !strchr("&<>\"'", c);
}

static void put_valid(struct html *h, struct cursor c)
{
    const char *begun = c.at; /* start of the part that is written as it is */
    while (c.at < c.end) {
        size_t len = 1;
        if (is_plain(*c.at) || *c.at == '\n') {
            c.at++;
            continue;
        }
        write_bytes(h, begun, (size_t)(c.at - begun));
        begun = c.at;
        size_t taken = put_special(h, &c, &len);
        c.at += taken ? taken : len;
        if (taken)
            begun = c.at;
    }
    write_bytes(h, begun, (size_t)(c.end - begun));
}

void html_text(struct html *h, const char *text, size_t len)
{
    while (len) {
        size_t part = strnlen(text, len);
        CLEANUP(mem_freep) char *valid = utf8_repair(text, part);
        put_valid(h, (struct cursor){valid, valid + strlen(valid)});
        if (part < len)
            put_symbol(h, 0);
        part += part < len;
        text += part;
        len -= part;
    }
}

void html_string(struct html *h, const char *text)
{
    html_text(h, text, strlen(text));
}

void html_short(struct html *h, const char *text, size_t max_bytes)
{
    size_t len = strlen(text);
    html_text(h, text, utf8_cut(text, len, max_bytes));
    if (len > max_bytes)
        html_put(h, "…");
}

void html_lines(struct html *h, const char *text, size_t len, size_t max_line_bytes)
{
    while (len) {
        const char *end = memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len;
        size_t seen = line - (end && line && text[line - 1] == '\r');
        size_t shown = seen > max_line_bytes ? utf8_cut(text, seen, max_line_bytes) : seen;
        html_text(h, text, shown);
        if (shown < seen)
            html_putf(h, " … [%zu more bytes of this line]", seen - shown);
        line += end != NULL;
        if (end)
            html_put(h, "\n");
        text += line;
        len -= line;
    }
}

/* ---- numbers ---- */

void html_duration(struct html *h, int64_t ms)
{
    ms = MAX(ms, 0);
    if (ms < 1000)
        html_putf(h, "%d ms", (int)ms);
    else if (ms < 60000)
        html_putf(h, "%d.%02d s", (int)(ms / 1000), (int)(ms % 1000 / 10));
    else
        html_putf(h, "%lld min %d s", (long long)(ms / 60000), (int)(ms / 1000 % 60));
}

void html_size(struct html *h, uint64_t bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    double value = (double)bytes;
    for (; value >= 1024; unit++)
        value /= 1024;
    html_putf(h, unit && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}
