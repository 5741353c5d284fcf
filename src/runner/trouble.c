#include "runner/trouble.h"

#include <stdio.h>
#include <string.h>

enum log_level trouble_note(struct trouble *trouble, enum log_level level, const char *message)
{
    bool is_news = strncmp(trouble->last, message, sizeof(trouble->last) - 1) != 0;
    snprintf(trouble->last, sizeof(trouble->last), "%s", message);
    return is_news ? level : LOG_LEVEL_DEBUG;
}

void trouble_log(struct trouble *trouble, enum log_level level, const char *message)
{
    log_write(trouble_note(trouble, level, message), "%s", message);
}

bool trouble_over(struct trouble *trouble)
{
    bool was = *trouble->last;
    trouble->last[0] = '\0';
    return was;
}
