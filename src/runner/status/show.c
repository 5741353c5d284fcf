#include "runner/status/show.h"

#include "base/utf8.h"

#include <string.h>

void show_text(json_t *object, const char *name, const char *text, size_t max_bytes)
{
    if (!text) {
        json_object_set_new(object, name, json_null());
        return;
    }
    CLEANUP(mem_freep) char *valid = utf8_repair(text, strnlen(text, max_bytes + 4));
    size_t len = strlen(valid);
    valid[utf8_cut(valid, len, max_bytes)] = '\0';
    json_object_set_new(object, name, json_string(valid));
}

int show_append(struct buf *out, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    if (!text)
        abort(); /* out of memory: the texts are valid */
    json_decref(value);
    int r = buf_puts(out, text);
    free(text);
    return r;
}
