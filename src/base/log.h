#pragma once

/*
 * The log: one line an event, "<time> <LEVEL> <text>". Only the main programs, the supervisor,
 * the slots and the job's pipeline write to it; everything below them returns a `struct err`.
 * Line breaks and control characters in what is logged are made visible, so that nothing from
 * outside can forge a line.
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

/* "debug" … "critical". -EINVAL for any other word. */
int log_level_parse(const char *word, enum log_level *ret_level);
const char *log_level_name(enum log_level level);

/* The text behind the level of a plain line. All of it where there is none, and the level is left alone. */
const char *log_split_plain(const char *line, enum log_level *ret_level);

void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
void log_set_format(enum log_format format);

/* Lines without the time, "<level> <text>": for a program whose lines another one logs. */
void log_set_plain(bool plain);

/* Appends to the file at `path` from now on; NULL or "": standard output. */
int log_open(const char *path, struct err *err);

/* Opens the same file again, after a rotation. Keeps the old one where that fails. */
int log_reopen(struct err *err);

/* "<word> <text>" as it is, at every level: for a program that the reader of these lines understands. */
void log_line(const char *word, const char *text);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same about a task, whose id is `task`: "task=ID …", or a member of its own in JSON; NULL: none. */
void log_task(enum log_level level, const char *task, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* An event with pairs, which are members of their own in JSON: LOG_TEXT("branch", …), LOG_NUMBER("ms", …). */
void log_write_fields(enum log_level level, const char *task, const char *message,
                      const struct log_field *fields, size_t len);
#define log_fields(level, task, message, ...) \
    log_write_fields(level, task, message, (const struct log_field[]){__VA_ARGS__}, \
                     sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* What another program's plain log has told (log_split_plain()), as an event of ours. */
void log_relay(enum log_level level, const char *task, const char *event);

#define log_debug(...)    log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)     log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...)  log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)    log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_critical(...) log_write(LOG_LEVEL_CRITICAL, __VA_ARGS__)
