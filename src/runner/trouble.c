#include "runner/trouble.h"

#include <stdio.h>
#include <string.h>

void trouble_log(struct trouble *trouble, enum log_level level, const char *message)
{
    bool is_news = strncmp(trouble->last, message, sizeof(trouble->last) - 1) != 0;
    log_write(is_news ? level : LOG_LEVEL_DEBUG, "%s", message);
    snprintf(trouble->last, sizeof(trouble->last), "%s", message);
}

void trouble_over(struct trouble *trouble)
{
    trouble->last[0] = '\0';
}
