#pragma once

/*
 * The log: one line an event, "<time> <LEVEL> <text>". Only the main programs, the supervisor,
 * the slots and the job's pipeline write to it; everything below them returns a `struct err`.
 * Line breaks and control characters in what is logged are made visible, so that nothing from
 * outside can forge a line.
 */

#include "base/err.h"

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

/* Lines without the time, "<level> <text>": for a program whose lines another one logs. */
void log_set_plain(bool plain);

/* Appends to the file at `path` from now on; NULL or "": standard output. */
int log_open(const char *path, struct err *err);

/* Opens the same file again, after a rotation. Keeps the old one where that fails. */
int log_reopen(struct err *err);

/* "<word> <text>" as it is, at every level: for a program that the reader of these lines understands. */
void log_line(const char *word, const char *text);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)    log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)     log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...)  log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)    log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_critical(...) log_write(LOG_LEVEL_CRITICAL, __VA_ARGS__)
