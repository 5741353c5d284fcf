#include "model/job_options.h"

#include <ctype.h>
#include <string.h>

/* Returns true if it is a row of JOB_OPTIONS. */
static bool is_in_list(const struct opt *o, size_t offset)
{
    return o->offset >= offset && o->offset < offset + sizeof(struct job_options);
}

void job_options_print(const struct opt_set *set, size_t offset, struct buf *text)
{
    for (size_t i = 0; i < set->len; i++)
        if (is_in_list(&set->table[i], offset) && set->texts[i])
            buf_printf(text, "%s = %s\n", set->table[i].name, set->texts[i]);
}

const char *job_options_check_line(const char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            return "a text without control characters";
    return NULL;
}

const char *job_options_check_protocols(const char *text)
{
    if (!*text || text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-,")] != '\0')
        return "names of protocols with commas between them, like https,ssh";
    return NULL;
}

const char *job_options_check_program(const char *text)
{
    bool usable = *text && (*text == '/' || !strchr(text, '/')) && !job_options_check_line(text);
    return usable ? NULL : "a program's name, or an absolute path";
}
