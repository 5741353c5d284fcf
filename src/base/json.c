#include "base/json.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static int parse(const char *text, size_t len, size_t flags, json_t **ret_object, struct err *err)
{
    json_error_t error;
    size_t mark_len = utf8_mark_len(text, len);
    const char *start = mark_len ? text + mark_len : text; /* may be NULL */
    json_t *j = json_loadb(start, len - mark_len, JSON_REJECT_DUPLICATES | flags, &error);
    if (!j)
        return err_set(err, ERR_NETWORK,
                       json_error_code(&error) == json_error_numeric_overflow ? ERANGE : EINVAL,
                       "Not valid JSON: %s (line %d, column %d)", error.text, error.line, error.column);
    if (!json_is_object(j)) {
        json_decref(j);
        return err_set(err, ERR_NETWORK, EINVAL, "Not a JSON object");
    }
    *ret_object = j;
    return 0;
}

int json_parse_object(const char *text, size_t len, json_t **ret_object, struct err *err)
{
    return parse(text, len, 0, ret_object, err);
}

int json_parse_object_of_reals(const char *text, size_t len, json_t **ret_object, struct err *err)
{
    return parse(text, len, JSON_DECODE_INT_AS_REAL, ret_object, err);
}

/* ---- finding a member in the text ---- */

/*
 * Each of these returns the end of the element that it is named for, never beyond `end`; NULL if
 * there is no such element.
 */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

static const char *skip_mark(const char *p, const char *end, char mark)
{
    p = skip_space(p, end);
    return p < end && *p == mark ? skip_space(p + 1, end) : NULL;
}

/* Skips the opening of an object at the start of a text. */
static const char *skip_opening(const char *text, const char *end)
{
    return skip_mark(text + utf8_mark_len(text, (size_t)(end - text)), end, '{');
}

static const char *skip_string(const char *p, const char *end)
{
    if (p == end || *p != '"')
        return NULL;
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\';
    return p < end ? p + 1 : NULL;
}

/* Skips a number, true, false, null, or an invalid number such as NaN. */
static const char *skip_word(const char *p, const char *end)
{
    const char *start = p;
    while (p < end && (isalnum((unsigned char)*p) || *p == '+' || *p == '-' || *p == '.'))
        p++;
    return p > start ? p : NULL;
}

static const char *skip_nested(const char *p, const char *end)
{
    size_t depth = 0;
    while (p && p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
        if (depth == 0)
            return p;
    }
    return NULL;
}

static const char *skip_value(const char *p, const char *end)
{
    if (p < end && (*p == '{' || *p == '['))
        return skip_nested(p, end);
    return p < end && *p == '"' ? skip_string(p, end) : skip_word(p, end);
}

/*
 * Compares a key as written in the text: with quotes, and possibly with escapes for plain letters.
 */
static bool is_key(const char *key, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    if (!memchr(key, '\\', len) || len > 2 + strlen("\\u0000") * name_len)
        return len == 2 + name_len && memcmp(key + 1, name, name_len) == 0;
    CLEANUP(json_decrefp) json_t *text = json_loadb(key, len, JSON_DECODE_ANY, NULL);
    return text && strcmp(json_string_value(text), name) == 0;
}

int json_find_member(const char *text, size_t len, const char *name, const char **ret_value,
                     size_t *ret_value_len)
{
    const char *end = text + len, *value_end = NULL, *found = NULL, *found_end = NULL;
    for (const char *p = skip_opening(text, end); p; p = skip_mark(value_end, end, ',')) {
        const char *key_end = skip_string(p, end);
        const char *value = key_end ? skip_mark(key_end, end, ':') : NULL;
        value_end = value ? skip_value(value, end) : NULL;
        if (!value_end)
            return -EINVAL;
        if (!is_key(p, (size_t)(key_end - p), name))
            continue;
        if (found)
            return -EINVAL;
        found = value;
        found_end = value_end;
    }
    if (!value_end || skip_mark(value_end, end, '}') != end)
        return -EINVAL;
    if (!found)
        return -ENOENT;
    *ret_value = found;
    *ret_value_len = (size_t)(found_end - found);
    return 0;
}

int json_peek_member(const char *text, size_t len, const char *name, const char **ret_value,
                     size_t *ret_value_len)
{
    const char *end = text + len, *value_end = NULL;
    for (const char *p = skip_opening(text, end); p; p = value_end ? skip_mark(value_end, end, ',') : NULL) {
        const char *key_end = skip_string(p, end);
        const char *value = key_end ? skip_mark(key_end, end, ':') : NULL;
        if (!value || value == end)
            return -ENOENT;
        value_end = skip_value(value, end);
        bool is_open = *value == '{' || *value == '[';
        if (!is_key(p, (size_t)(key_end - p), name))
            continue;
        if (!is_open && (!value_end || value_end == end)) /* a number may continue */
            return -ENOENT;
        *ret_value = value;
        *ret_value_len = is_open ? (size_t)(end - value) : (size_t)(value_end - value);
        return 0;
    }
    return -ENOENT;
}

/* ---- writing ---- */

char *json_quote(const char *s, size_t len)
{
    CLEANUP(mem_freep) char *valid = utf8_repair(s, len);
    CLEANUP(json_decrefp) json_t *j = json_string_nocheck(valid);
    char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
    if (!text)
        abort();
    return text;
}
