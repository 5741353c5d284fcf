#pragma once

/* What the tests of the journal share: one state directory, one open journal, one claim. */

#include "runner/queue/journal.h"

#include "crash.h"
#include "model/task.h"
#include "state.h"

#define BODY "{\"id\": 21, \"repositoryUrl\": \"u\"}\n"
#define KEY  "000000000001-21" /* of the first claim with this body */

static const char *state;
static struct journal *journal;
static char *key;
static struct err err;

static inline void finish(void)
{
    journal_free(journal);
    free(key);
    buf_done(&calls);
    journal = NULL;
    key = NULL;
}

static inline void reopen(void)
{
    journal_free(journal);
    journal = NULL;
    if (journal_open(state, &journal, &err) < 0)
        TEST_FAIL("%s", err.message);
}

/* A fresh directory, an open journal, no claim. */
static inline void start(void)
{
    finish(); /* what a test that failed has left */
    did_fail();
    state = new_state();
    reopen();
    buf_clear(&calls);
}

static inline int add_body(const char *body, char **ret_key)
{
    CLEANUP(task_done) struct task task = {0};
    task_parse(body, strlen(body), &task, NULL);
    return journal_add(journal, &task, body, strlen(body), ret_key, &err);
}

/* Gives the key; the caller frees. */
static inline char *add(const char *body)
{
    char *added = NULL;
    if (add_body(body, &added) < 0)
        TEST_FAIL("%s", err.message);
    return added;
}

static inline void start_with_claim(void)
{
    start();
    key = add(BODY);
    buf_clear(&calls);
}

static inline void start_with_result(void)
{
    start_with_claim();
    put_file(at("jobs/%s/result.json", key), "{\"id\": 21}");
    put_file(at("jobs/%s/starts", key), "1\n");
    put_dir(at("jobs/%s/src", key));
    buf_clear(&calls);
}

/* The keys of both lists, with a blank between them. */
static inline void check_list(const char *want_claims, const char *want_garbage)
{
    CLEANUP(strv_done) struct strv claims = {0};
    CLEANUP(strv_done) struct strv garbage = {0};
    CHECK_INT(journal_list(journal, &claims, &garbage, &err), 0);
    CLEANUP(mem_freep) char *got_claims = strv_join(&claims, " ");
    CLEANUP(mem_freep) char *got_garbage = strv_join(&garbage, " ");
    CHECK_STR(got_claims, want_claims);
    CHECK_STR(got_garbage, want_garbage);
}

static inline void check_body(const char *of_key, const char *want, size_t len)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    CHECK_INT(journal_read(journal, of_key, &body, &err), 0);
    CHECK_INT(body.len, len);
    CHECK(memcmp(body.data, want, len) == 0);
}

static inline unsigned count_start(void)
{
    unsigned starts = 0;
    if (journal_count_start(journal, key, &starts, &err) < 0)
        TEST_FAIL("%s", err.message);
    return starts;
}
