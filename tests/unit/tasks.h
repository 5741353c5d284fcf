#pragma once

/* Shared by the tests of tasks: one parsed body, and the expected outcome. */

#include "model/task.h"

#include "base/buf.h"
#include "test.h"

/* The outcome of the last body. */
static struct task task;
static struct err err;

/* Without a trailing NUL, so that reading beyond the end is detected. */
static inline enum task_answer parse_bytes(const char *body, size_t len)
{
    task_done(&task);
    err = (struct err){0};
    CLEANUP(mem_freep) char *copy = malloc(len ? len : 1);
    memcpy(copy, body, len);
    return task_parse(copy, len, &task, &err);
}

static inline enum task_answer parse(const char *body)
{
    return parse_bytes(body, strlen(body));
}

static inline void check_valid(const char *body)
{
    if (parse(body) != TASK_VALID)
        TEST_FAIL("%.200s: refused: %s", body, err.message);
    CHECK(task.id_json && task.repository_url);
}

static inline void check_none(const char *body)
{
    if (parse(body) != TASK_NONE)
        TEST_FAIL("%s: taken for a task", body);
    CHECK(!task.id_json && !task.repository_url);
}

static inline void check_only_id(void)
{
    CHECK(!task.repository_url && !task.branch && !task.labs);
    CHECK_INT(task.labs_len, 0);
    CHECK_INT(task.tests.len, 0);
}

static inline void check_malformed(const char *body, const char *want_id, const char *part)
{
    enum task_answer answer = parse(body);
    if (answer != TASK_MALFORMED)
        TEST_FAIL("%.200s: answer %d", body, answer);
    CHECK_STR(task.id_json, want_id);
    CHECK_INT(err.class, ERR_TASK);
    CHECK_CONTAINS(err.message, part);
    check_only_id();
}

static inline void check_unusable(const char *body, const char *part)
{
    enum task_answer answer = parse(body);
    if (answer != TASK_UNUSABLE)
        TEST_FAIL("%.200s: answer %d", body, answer);
    CHECK(!task.id_json);
    CHECK_INT(err.class, ERR_TASK);
    CHECK_CONTAINS(err.message, part);
    check_only_id();
}

/* A complete task with additional members. */
static inline char *body_with(const char *members)
{
    return mem_printf("{\"id\": 21, \"repositoryUrl\": \"https://host/x.git\", %s}", members);
}

static inline void check_valid_with(const char *members)
{
    CLEANUP(mem_freep) char *body = body_with(members);
    check_valid(body);
}

static inline void check_malformed_with(const char *members, const char *part)
{
    CLEANUP(mem_freep) char *body = body_with(members);
    check_malformed(body, "21", part);
}

/* `fmt` with a text of `len` times `c` in it. */
static inline char *body_with_text(const char *before, char c, size_t len, const char *behind)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, before);
    for (size_t i = 0; i < len; i++)
        buf_append(&b, &c, 1);
    buf_puts(&b, behind);
    return buf_take(&b);
}
