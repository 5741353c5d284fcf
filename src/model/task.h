#pragma once

/*
 * A task, as the backend's GET answers it (docs/protocol.md): bytes in, struct out, no I/O.
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TASK_MAX_BYTES        (1U << 20)
#define TASK_MAX_ID_BYTES     8192
#define TASK_MAX_URL_BYTES    2048
#define TASK_MAX_BRANCH_BYTES 255
#define TASK_MAX_LABS         64
#define TASK_MAX_LAB          1000000
#define TASK_MAX_TESTS        2000
#define TASK_MAX_TEST_BYTES   1024

struct task {
    char *id_json;        /* the id as JSON text: goes back as it came, the same type */
    char *repository_url; /* may hold credentials: url_without_userinfo() before it is shown */
    char *branch;         /* NULL: the repository's default branch */
    int64_t *labs;
    size_t labs_len;
    struct strv tests;     /* connectedTests; empty: all */
    size_t nameless_tests; /* entries of connectedTests that are null or "", which select nothing */
};

enum task_answer {
    TASK_NONE,      /* the backend has no task */
    TASK_VALID,     /* `task` is filled */
    TASK_MALFORMED, /* only `task->id_json` is filled, `err` says what is wrong: gets an error result */
    TASK_UNUSABLE,  /* not a task at all, and no id to answer to; `err` says why */
};

/*
 * Reads the body of an answer. `err` (class task) is filled for the last two; the caller ends
 * `task` with task_done() in every case.
 */
enum task_answer task_parse(const char *body, size_t len, struct task *ret_task, struct err *err);
void task_done(struct task *task);

/* The highest lab number, or 1 where there is none: the project's stage. */
int64_t task_stage(const struct task *task);

/*
 * A name for the task's directory: `sequence` (claims of one state directory, oldest first), then
 * what of the id is safe in a file name, cut. Unique by the sequence alone. The caller frees.
 */
char *task_key(const struct task *task, uint64_t sequence);

/* What of the id is in a key; all of it where it is none. For log lines that have no more of the task. */
const char *task_key_id(const char *key);

/* Whether a file's name begins as task_key() makes them. */
bool task_is_key(const char *name);
