#pragma once

/*
 * The log: one line per event, "<time> <LEVEL> <text>". Only the main programs, the supervisor, the
 * slots and the job's pipeline write to it; everything below them returns a `struct err`. Line
 * breaks and control characters in logged text are made visible, so that no input can forge a line.
 */

#include "base/err.h"
#include "base/log_format.h"

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_CRITICAL,
};

/* Parses "debug" to "critical". Returns -EINVAL for any other word. */
int log_level_parse(const char *word, enum log_level *ret_level);
const char *log_level_name(enum log_level level);

/*
 * Returns the text after the level of a plain line. Without a level, returns the whole line and
 * leaves `ret_level` alone.
 */
const char *log_split_plain(const char *line, enum log_level *ret_level);

void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
void log_set_format(enum log_format format);

/*
 * Selects lines without the time, "<level> <text>": for a program whose output is logged by another
 * one.
 */
void log_set_plain(bool plain);

/* Appends to the file at `path` from now on; NULL or "": standard output. */
int log_open(const char *path, struct err *err);

/* Reopens the file after a rotation. Keeps the old one if that fails. */
int log_reopen(struct err *err);

/* Writes "<word> <text>" unchanged, at every level: for a program that parses these lines. */
void log_line(const char *word, const char *text);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Logs a message about the task with the id `task`: "task=ID …", or a member of its own in JSON;
 * NULL: none.
 */
void log_task(enum log_level level, const char *task, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Logs an event with fields, which are members of their own in JSON: LOG_TEXT("branch", …),
 * LOG_NUMBER("ms", …).
 */
void log_write_fields(enum log_level level, const char *task, const char *message,
                      const struct log_field *fields, size_t len);
#define log_fields(level, task, message, ...) \
    log_write_fields(level, task, message, (const struct log_field[]){__VA_ARGS__}, \
                     sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* Logs an event from another program's plain log (log_split_plain()). */
void log_relay(enum log_level level, const char *task, const char *event);

#define log_debug(...)    log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)     log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...)  log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)    log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_critical(...) log_write(LOG_LEVEL_CRITICAL, __VA_ARGS__)
