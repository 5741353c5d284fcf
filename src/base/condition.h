#pragma once

/*
 * A named state that lasts, such as "the backend is away": raised with a message, then cleared.
 * Raising it logs the message: at its level if it is new, at level debug if the condition holds
 * already with the same message, so that a repeated failure is logged once. Zeroed before the first
 * use: cleared.
 */

#include "base/log.h"

#include <stdbool.h>

struct condition {
    bool raised;
    char message[1024]; /* cut if it is longer; the log has all of it */
};

void condition_raise(struct condition *c, enum log_level level, const char *message);

/* The same; logs an event about a task, as log_fields() does. */
void condition_raise_event(struct condition *c, enum log_level level, const char *task, const char *message,
                           const struct log_field *fields, size_t len);
#define condition_raise_fields(c, level, task, message, ...) \
    condition_raise_event(c, level, task, message, (const struct log_field[]){__VA_ARGS__}, \
                          sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* Returns true if it was raised. */
bool condition_clear(struct condition *c);

/* The message; NULL if it is not raised. Valid until the condition is raised or cleared again. */
const char *condition_text(const struct condition *c);
