#pragma once

/*
 * A helper program that has to succeed: git, python, pip. Its output is kept in memory, and each
 * way to fail has its sentence.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    const char *doing; /* for messages: "Cloning https://…" */
    const struct strv *argv;
    const struct strv *env;
    const char *cwd;           /* NULL: ours */
    int64_t timeout_ms;        /* 0: none */
    size_t output_limit_bytes; /* of each stream */
    uint64_t file_size_bytes;  /* of one file that it writes; 0: no limit */
    int cancel_fd;
    pid_t keep; /* another child of ours, at work meanwhile; 0: none */
};

/*
 * Returns 0 if it ended with status 0. Else -ECANCELED (class cancelled), -ETIME (class limit), -EFBIG
 * (class limit: it printed or wrote too much), -EINTR (class environment: a signal from outside ended it,
 * as when memory or a disk fails), or -EIO (class environment) with its last words.
 * `ret_output` and `ret_messages` (standard output and error; either may be NULL) are filled in
 * every case; the caller frees.
 */
int child_run(const struct child *child, struct buf *ret_output, struct buf *ret_messages, struct err *err);

/*
 * Of what a program said, the last line that speaks of an error, as "error: …" or "SomeError: …"; else
 * its last line; "" where there is none. The caller frees.
 */
char *child_last_words(const struct buf *output, const struct buf *messages);
