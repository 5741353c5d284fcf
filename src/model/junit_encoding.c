#include "model/junit_encoding.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 40
#define BOM            "\xef\xbb\xbf"
#define DECLARATION    "<?xml"

/* Refuses "/", which begins a suffix for iconv. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("-_.:", name[i]))
            return false;
    return len > 0 && len <= NAME_MAX_BYTES;
}

/* Returns the character, -1 if the byte encodes none, or -2 if it is not a character by itself. */
static int convert(iconv_t cd, unsigned char byte)
{
    unsigned char character[8];
    char *in = (char *)&byte, *out = (char *)character;
    size_t in_left = 1, out_left = sizeof(character);
    iconv(cd, NULL, NULL, NULL, NULL);
    if (iconv(cd, &in, &in_left, &out, &out_left) == (size_t)-1)
        return errno == EILSEQ ? -1 : -2;
    if (sizeof(character) - out_left != 4)
        return -2;
    return character[0] | character[1] << 8 | character[2] << 16;
}

int junit_encoding_find(void *data, const XML_Char *name, XML_Encoding *ret_encoding)
{
    (void)data;
    iconv_t cd = is_name(name) ? iconv_open("UTF-32LE", name) : (iconv_t)-1;
    if (cd == (iconv_t)-1)
        return XML_STATUS_ERROR;
    bool is_single = true;
    XML_Encoding encoding = {0};
    for (size_t i = 0; i < ARRAY_LEN(encoding.map); i++) {
        encoding.map[i] = convert(cd, (unsigned char)i);
        is_single = is_single && encoding.map[i] != -2;
    }
    iconv_close(cd);
    if (!is_single)
        return XML_STATUS_ERROR;
    *ret_encoding = encoding;
    return XML_STATUS_OK;
}

/* ---- the declaration ---- */

bool junit_encoding_needs_more(const char *head, size_t len)
{
    static const char *const begins[] = {DECLARATION, BOM DECLARATION};
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        size_t begin = strlen(begins[i]);
        if (memcmp(head, begins[i], MIN(len, begin)) == 0)
            return len < JUNIT_ENCODING_HEAD_BYTES &&
                   (len < begin || !memchr(head + begin, '>', len - begin));
    }
    return false;
}

/* Returns the value of `encoding="…"`; the caller frees. */
static char *declared_encoding(const char *head, size_t len)
{
    const char *end = memchr(head, '>', len);
    CLEANUP(mem_freep) char *text = mem_strndup(head, end ? (size_t)(end - head) : len);
    const char *value = strstr(text, "encoding");
    value = value ? value + strcspn(value, "\"'") : "";
    return mem_strndup(*value ? value + 1 : "", *value ? strcspn(value + 1, "\"'") : 0);
}

bool junit_encoding_is_utf8(const char *head, size_t len)
{
    static const char *const wide[] = {"utf-16", "utf16", "utf-32", "utf32", "ucs-2", "ucs-4", "unicode"};
    if (utf8_mark_len(head, len))
        return true;
    if (len < strlen(DECLARATION) || memcmp(head, DECLARATION, strlen(DECLARATION)) != 0)
        return false;
    CLEANUP(mem_freep) char *name = declared_encoding(head, len);
    for (size_t i = 0; i < ARRAY_LEN(wide); i++)
        if (strncasecmp(name, wide[i], strlen(wide[i])) == 0)
            return true;
    return false;
}
