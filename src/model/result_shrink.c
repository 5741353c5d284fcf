#include "model/result_shrink.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "model/result_parse.h"

#include <errno.h>
#include <string.h>

const char *result_form_name(enum result_form form)
{
    static const char *const names[RESULT_FORMS] = {
        "whole", "descriptions cut to 1 KiB", "descriptions cut to their first line", "no descriptions"};
    return names[form];
}

static void shorten(char **text, enum result_form form)
{
    size_t len = strlen(*text);
    if (form == RESULT_NO_TEXTS)
        len = 0;
    if (form == RESULT_FIRST_LINES) {
        len = strcspn(*text, "\n");
        len = utf8_cut(*text, len, RESULT_SHORT_TEXT_BYTES);
    }
    char *is_short = report_shorten(*text, len, RESULT_SHORT_TEXT_BYTES);
    free(*text);
    *text = is_short;
}

static int append(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

int result_shrink(const char *body, size_t len, enum result_form form, struct buf *ret_body, struct err *err)
{
    CLEANUP(result_done) struct result result = {0};
    const char *id;
    size_t id_len;
    if (json_find_member(body, len, "id", &id, &id_len) < 0)
        return err_set(err, ERR_INTERNAL, EINVAL, "The result has no id");
    /* Read and written in bytes: the numbers stay as they are, whatever their unit. */
    int r = result_parse(body, len, RESULT_MEMORY_B, &result, err);
    if (r < 0)
        return r;
    for (size_t i = 0; form != RESULT_WHOLE && i < result.tests_len; i++)
        shorten(&result.tests[i].description, form);
    CLEANUP(mem_freep) char *id_json = mem_strndup(id, id_len);
    return result_write(&result, id_json, RESULT_MEMORY_B, append, ret_body);
}
