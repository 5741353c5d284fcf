#pragma once

/* A task, as returned by the backend's GET (docs/protocol.md). */

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
    char *id_json;        /* the id as JSON text: returned unchanged, with its type */
    char *repository_url; /* may contain credentials: use url_without_userinfo() to show it */
    char *branch;         /* NULL: the repository's default branch */
    int64_t *labs;
    size_t labs_len;
    struct strv tests;     /* connectedTests; empty: all */
    size_t nameless_tests; /* entries of connectedTests that are null or "" and select nothing */
};

enum task_answer {
    TASK_NONE,      /* the backend has no task */
    TASK_VALID,     /* `task` is filled */
    TASK_MALFORMED, /* only `task->id_json` is set; `err` says why; gets an error result */
    TASK_UNUSABLE,  /* not a task, and no id to answer to; `err` says why */
};

/*
 * Parses the body of an answer. `err` (class task) is filled for the last two. The caller releases
 * `task` with task_done() in every case.
 */
enum task_answer task_parse(const char *body, size_t len, struct task *ret_task, struct err *err);
void task_done(struct task *task);

/* Returns the highest lab number, or 1 if there is none: the project's stage. */
int64_t task_stage(const struct task *task);

/*
 * Returns a name for the task's directory: `sequence` (the claims of a state directory, oldest
 * first), then those characters of the id that are safe in a file name, cut. The sequence makes it
 * unique. The caller frees.
 */
char *task_key(const struct task *task, uint64_t sequence);

/*
 * Returns the part of a key that comes from the id; the whole text if it is not a key. For log
 * lines that know no more of the task.
 */
const char *task_key_id(const char *key);

/* Returns true if a file name begins like those of task_key(). */
bool task_is_key(const char *name);
