#pragma once

/* What the tests of the spool share: one state directory, one open spool. */

#include "runner/queue/spool.h"

#include "base/clock.h"
#include "base/fd.h"
#include "crash.h"
#include "state.h"

static const char *state;
static struct spool *spool;
static struct err err;

static inline void finish(void)
{
    spool_free(spool);
    buf_done(&calls);
    spool = NULL;
}

static inline void reopen(void)
{
    spool_free(spool);
    spool = NULL;
    if (spool_open(state, &spool, &err) < 0)
        TEST_FAIL("%s", err.message);
    buf_clear(&calls);
}

/* A fresh directory with an empty spool. */
static inline void start(void)
{
    finish(); /* what a test that failed has left */
    did_fail();
    state = new_state();
    reopen();
}

/* A result as the journal leaves it. */
static inline void add(const char *key)
{
    put_file(at("spool/%s.json", key), key);
    spool_add(spool, key, 0);
}

static inline void check_next(int64_t now_ms, const char *want)
{
    int64_t next_ms = -1;
    struct spool_entry *e = spool_next(spool, now_ms, 0, &next_ms);
    CHECK(e != NULL);
    CHECK_STR(e->key, want);
}

static inline void check_no_next(int64_t now_ms, int64_t want_next_ms)
{
    int64_t next_ms = -1;
    CHECK(spool_next(spool, now_ms, 0, &next_ms) == NULL);
    CHECK_INT(next_ms, want_next_ms);
}
