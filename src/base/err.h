#pragma once

/*
 * One way to fail. A fallible function returns 0 or a negative errno and fills the `struct err`
 * that is its last argument: a class, which decides retry and wording, and one sentence for a
 * person. docs/errors.md tells the rules on one page.
 */

#include <stdbool.h>

enum err_class {
    ERR_NONE = 0,
    ERR_INTERNAL,    /* a fault of ours or of the machine */
    ERR_TASK,        /* the task itself: repository, branch, names, what the student wrote */
    ERR_ENVIRONMENT, /* the machine's set-up: suite, python, packages, disk */
    ERR_LIMIT,       /* a limit was hit */
    ERR_NETWORK,     /* something far away does not answer: worth another try */
    ERR_CANCELLED,   /* we were told to stop */
};

struct err {
    enum err_class class;
    char message[768]; /* one sentence without a full stop; valid until overwritten */
};

/*
 * Fills `e` (which may be NULL) and gives back -code; `code` is a positive errno. Where the errno
 * tells the reader something, name it in the text with err_name().
 */
int err_set(struct err *e, enum err_class class, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* As err_set, class internal, with ": <text of code>" behind the sentence. */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " before the message that is there: for the caller's view of a lower fault. */
void err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "task", "environment" …: stable words for logs and tests. */
const char *err_class_name(enum err_class class);
