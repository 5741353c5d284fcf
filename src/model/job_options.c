#include "model/job_options.h"

#include <ctype.h>
#include <string.h>

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
