#include "base/json.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

int json_parse_object(const char *text, size_t len, json_t **ret_object, struct err *err)
{
    json_error_t error;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!j)
        return err_set(err, ERR_NETWORK,
                       json_error_code(&error) == json_error_numeric_overflow ? ERANGE : EINVAL,
                       "Not valid JSON: %s (line %d, column %d)", error.text, error.line, error.column);
    if (!json_is_object(j)) {
        json_decref(j);
        return err_set(err, ERR_NETWORK, EINVAL, "A JSON object was expected");
    }
    *ret_object = j;
    return 0;
}

char *json_quote(const char *s, size_t len)
{
    CLEANUP(mem_freep) char *valid = utf8_repair(s, len);
    CLEANUP(json_decrefp) json_t *j = json_string_nocheck(valid);
    char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
    if (!text)
        abort();
    return text;
}
