#pragma once

/*
 * Errors. A function that can fail returns 0 or a negative errno, and fills the `struct err` that
 * is its last argument: a class, which decides on retries and wording, and a sentence for people.
 * The rules are in docs/errors.md.
 */

#include <stdbool.h>

enum err_class {
    ERR_NONE = 0,
    ERR_INTERNAL,    /* an error of this program or of the machine */
    ERR_TASK,        /* the task itself: repository, branch, names, the student's code */
    ERR_ENVIRONMENT, /* the machine's setup: suite, python, packages, disk */
    ERR_LIMIT,       /* a limit was hit */
    ERR_NETWORK,     /* a remote service does not answer: may succeed when retried */
    ERR_CANCELLED,   /* told to stop */
};

struct err {
    enum err_class class;
    char message[768]; /* a sentence without a full stop; valid until overwritten */
};

/*
 * Fills `e` (which may be NULL) and returns -code; `code` is a positive errno. If the errno means
 * something to the reader, use err_errno().
 */
int err_set(struct err *e, enum err_class class, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Like err_set(), with class internal, and ": <text of code>" appended to the message. */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prefixes the message with "<text>: ": adds the context of the caller. */
void err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Returns "task", "environment" and so on: stable words for logs and tests. */
const char *err_class_name(enum err_class class);
