#pragma once

/*
 * The forms of a log line. An event is one text: the message, then its pairs, each "name=value"
 * after a tab, or after a vertical tab if the value is a number. Message and values contain no
 * other control characters, so that no input can forge a pair or a line. A program passes its
 * events in this form to the one that logs them.
 */

#include "base/buf.h"

struct log_field {
    const char *name; /* lower case letters, digits and '_' */
    const char *text; /* NULL: use `number` */
    double number;
};

#define LOG_TEXT(name, text) \
    { \
        (name), (text), 0 \
    }
#define LOG_NUMBER(name, number) \
    { \
        (name), NULL, (double)(number) \
    }

/* Appends text, with control characters and invalid UTF-8 made visible. */
void log_format_visible(struct buf *out, const char *text);

/* Appends one pair to an event. */
void log_format_field(struct buf *event, const struct log_field *field);

/* Appends an event for people: "message name=value …". */
void log_format_text(struct buf *out, const char *event);

/*
 * Appends an event as a JSON object, without a line break: time, level, task (unless NULL),
 * message, and a member for each pair. A part that is not a proper pair, or that repeats time,
 * level, task or message, stays in the message.
 */
void log_format_json(struct buf *out, const char *when, const char *level, const char *task,
                     const char *event);
