#pragma once

/*
 * Runs a helper program to its end and keeps its output in memory: git, python, pip, sbatch. Each
 * way to fail has its error code and message. Blocks, and leaves no process behind; see proc_run()
 * for what that asks of the calling process.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct capture {
    const char *doing; /* what messages begin with: "Cloning https://…" */
    const struct strv *argv;
    const struct strv *env;       /* the whole environment; NULL: ours */
    const char *cwd;              /* NULL: ours */
    int64_t timeout_ms;           /* 0: none */
    size_t output_limit_bytes;    /* of each stream */
    bool cut_output;              /* what passes the limit is dropped; else it is an error */
    uint64_t file_size_bytes;     /* of one file that it writes; 0: no limit */
    const char *file_size_option; /* what sets that limit, for messages: "--disk" */
    int cancel_fd;                /* ends the program when it becomes readable; -1: none */
    pid_t keep;                   /* another child of ours that is left alone; 0: none */
};

/*
 * Returns 0 if the program ended with status 0. Otherwise:
 *   -ECANCELED  class cancelled: cancel_fd became readable
 *   -ETIME      class limit: it ran longer than timeout_ms
 *   -EFBIG      class limit: it printed more than its limit, or wrote a file that large
 *   -EINTR      class environment: a signal ended it that it did not cause, as when memory runs out
 *   -EIO        class environment: it failed; the message has its last words
 *   other       it could not be started, as of proc_run(); -ENOENT: there is no such program
 * `ret_output` and `ret_messages` (standard output and error; either may be NULL) are filled in
 * every case; the caller frees.
 */
int capture_run(const struct capture *capture, struct buf *ret_output, struct buf *ret_messages,
                struct err *err);

/*
 * Returns the last line that names an error ("error: …", "SomeError: …") in what a program printed,
 * its last line if there is none, or "" if it printed nothing. Standard output counts if standard
 * error is empty. The caller frees.
 */
char *capture_last_words(const struct buf *output, const struct buf *messages);
