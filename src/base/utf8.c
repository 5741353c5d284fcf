#include "base/utf8.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

/* The range of the second byte after a lead byte (Unicode table 3-7). */
static void second_byte_range(unsigned char lead, unsigned char *ret_min, unsigned char *ret_max)
{
    *ret_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *ret_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
}

static size_t expected_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if ((lead & 0xf0) == 0xe0)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

/* Returns the length of the next character, or of the ill-formed sequence in its place. */
static size_t next_sequence(const unsigned char *s, size_t len, bool *ret_valid)
{
    size_t want = expected_length(s[0]);
    *ret_valid = want == 1;
    if (want <= 1)
        return 1;
    unsigned char min, max;
    second_byte_range(s[0], &min, &max);
    size_t n = 1;
    while (n < want && n < len && s[n] >= min && s[n] <= max) {
        min = 0x80;
        max = 0xbf;
        n++;
    }
    *ret_valid = n == want;
    return n;
}

bool utf8_is_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        if ((unsigned char)s[i] < 0x80) {
            i++;
            continue;
        }
        bool valid;
        i += next_sequence((const unsigned char *)s + i, len - i, &valid);
        if (!valid)
            return false;
    }
    return true;
}

char *utf8_repair(const char *s, size_t len)
{
    if (len == 0)
        return mem_strdup(""); /* `s` may be NULL: an empty buffer */
    if (utf8_is_valid(s, len) && !memchr(s, '\0', len))
        return mem_strndup(s, len);
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < len;) {
        bool valid;
        size_t n = next_sequence((const unsigned char *)s + i, len - i, &valid);
        if (valid && s[i] != '\0')
            buf_append(&b, s + i, n);
        else
            buf_puts(&b, "\xef\xbf\xbd");
        i += n;
    }
    return buf_take(&b);
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t utf8_mark_len(const char *s, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    return len >= strlen(mark) && memcmp(s, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
}

size_t utf8_count(const char *s)
{
    size_t count = 0;
    for (; s && *s; s++)
        count += !is_continuation(*s);
    return count;
}

size_t utf8_cut(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && is_continuation(s[max]))
        max--;
    return max;
}

size_t utf8_resume(const char *s, size_t len, size_t from)
{
    while (from < len && is_continuation(s[from]))
        from++;
    return MIN(from, len);
}
