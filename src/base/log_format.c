#include "base/log_format.h"

#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

#define SEPARATORS "\t\v"

/*
 * Returns the length of a character that changes how others are displayed: a control character or a
 * change of direction. 0: none.
 */
static size_t disguise_len(const char *p)
{
    bool is_c1 = p[0] == '\xc2' && (unsigned char)p[1] < 0xa0; /* U+0080 to U+009F */
    if (is_c1 || iscntrl((unsigned char)*p))
        return 1 + is_c1;
    if (p[0] != '\xe2')
        return 0;
    unsigned char last = p[1] ? (unsigned char)p[2] : 0; /* U+2028 to U+202E, U+2066 to U+2069 */
    bool is_order =
        (p[1] == '\x80' && last >= 0xa8 && last <= 0xae) || (p[1] == '\x81' && last >= 0xa6 && last <= 0xa9);
    return is_order ? 3 : 0;
}

void log_format_visible(struct buf *out, const char *text)
{
    CLEANUP(mem_freep) char *repaired = utf8_repair(text, strlen(text));
    for (const char *p = repaired; *p; p++) {
        size_t len = disguise_len(p);
        if (len == 0)
            buf_append(out, p, 1);
        else if (len == 3)
            buf_printf(out, "\\u20%02x", ((unsigned char)p[1] & 1) << 6 | ((unsigned char)p[2] & 0x3f));
        else
            buf_printf(out, *p == '\n' ? "\\n" : "\\x%02x", (unsigned char)p[len - 1]);
        p += len > 1 ? len - 1 : 0;
    }
}

void log_format_field(struct buf *event, const struct log_field *field)
{
    if (field->text) {
        buf_printf(event, "\t%s=", field->name);
        log_format_visible(event, field->text);
    } else {
        buf_printf(event, "\v%s=%.15g", field->name, field->number);
    }
}

void log_format_text(struct buf *out, const char *event)
{
    for (; *event; event++)
        buf_append(out, strchr(SEPARATORS, *event) ? " " : event, 1);
}

/* ---- JSON ---- */

/*
 * Appends a string without quotation marks. Control characters, which log_format_visible() should
 * have removed, become blanks.
 */
static void append_json(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool is_control = (unsigned char)text[i] < ' ';
        if (text[i] == '"' || text[i] == '\\')
            buf_puts(out, "\\");
        buf_append(out, is_control ? " " : text + i, 1);
    }
}

static void append_member(struct buf *out, const char *separator, const char *name, size_t name_len,
                          const char *text, size_t len)
{
    buf_printf(out, "%s\"%.*s\": \"", separator, (int)name_len, name);
    append_json(out, text, len);
    buf_puts(out, "\"");
}

/* Checks JSON's syntax: no leading zero, digits on both sides of the point. */
static bool is_number(const char *text, size_t len)
{
    static const char digits[] = "0123456789";
    const char *p = text + (*text == '-');
    size_t n = *p == '0' ? 1 : strspn(p, digits);
    bool valid = n > 0;
    p += n;
    if (*p == '.') {
        n = strspn(++p, digits);
        valid = valid && n > 0;
        p += n;
    }
    if (*p == 'e') {
        p++;
        p += *p == '-' || *p == '+';
        n = strspn(p, digits);
        valid = valid && n > 0;
        p += n;
    }
    return valid && p == text + len;
}

/*
 * Returns the length of the name if the part, up to the next separator, is "name=…" with a name of
 * our own; else 0.
 */
static size_t name_length(const char *part, size_t len)
{
    static const char *const reserved[] = {"time", "level", "task", "message"};
    size_t n = strspn(part, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (n == 0 || n >= len || part[n] != '=')
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (strlen(reserved[i]) == n && strncmp(part, reserved[i], n) == 0)
            return 0;
    return n;
}

/*
 * Appends each part after the message to `pairs` as a member if it is a proper pair, otherwise to
 * `message`.
 */
static void sort_parts(const char *event, struct buf *message, struct buf *pairs)
{
    for (const char *p = event; *p;) {
        char kind = *p++;
        size_t len = strcspn(p, SEPARATORS), name_len = name_length(p, len);
        const char *value = p + name_len + 1;
        size_t value_len = len - name_len - 1;
        if (name_len == 0)
            buf_printf(message, " %.*s", (int)len, p);
        else if (kind == '\v' && is_number(value, value_len))
            buf_printf(pairs, ", \"%.*s\": %.*s", (int)name_len, p, (int)value_len, value);
        else
            append_member(pairs, ", ", p, name_len, value, value_len);
        p += len;
    }
}

void log_format_json(struct buf *out, const char *when, const char *level, const char *task,
                     const char *event)
{
    CLEANUP(buf_done) struct buf message = BUF_INIT(0);
    CLEANUP(buf_done) struct buf pairs = BUF_INIT(0);
    size_t len = strcspn(event, SEPARATORS);
    buf_append(&message, event, len);
    buf_puts(&pairs, "");
    sort_parts(event + len, &message, &pairs);
    buf_puts(out, "{");
    append_member(out, "", "time", 4, when, strlen(when));
    append_member(out, ", ", "level", 5, level, strlen(level));
    if (task) {
        CLEANUP(buf_done) struct buf label = BUF_INIT(0);
        log_format_visible(&label, task);
        append_member(out, ", ", "task", 4, label.data, label.len);
    }
    append_member(out, ", ", "message", 7, message.data, message.len);
    buf_append(out, pairs.data, pairs.len);
    buf_puts(out, "}");
}
