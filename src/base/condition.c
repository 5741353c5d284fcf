#include "base/condition.h"

#include <stdio.h>
#include <string.h>

/* Returns the level to log the message at. */
static enum log_level raise_silently(struct condition *c, enum log_level level, const char *message)
{
    bool is_news = !c->raised || strncmp(c->message, message, sizeof(c->message) - 1) != 0;
    c->raised = true;
    snprintf(c->message, sizeof(c->message), "%s", message);
    return is_news ? level : LOG_LEVEL_DEBUG;
}

void condition_raise(struct condition *c, enum log_level level, const char *message)
{
    log_write(raise_silently(c, level, message), "%s", message);
}

void condition_raise_event(struct condition *c, enum log_level level, const char *task, const char *message,
                           const struct log_field *fields, size_t len)
{
    log_write_fields(raise_silently(c, level, message), task, message, fields, len);
}

bool condition_clear(struct condition *c)
{
    bool was_raised = c->raised;
    c->raised = false;
    return was_raised;
}

const char *condition_text(const struct condition *c)
{
    return c->raised ? c->message : NULL;
}
