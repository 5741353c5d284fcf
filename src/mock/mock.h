#pragma once

/* What all requests share. One lock; each connection has a thread of its own. */

#include "mock/auth.h"
#include "mock/faults.h"
#include "mock/queue.h"
#include "mock/results.h"

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What the people at the terminal get to know. May be called by several threads at a time. */
enum mock_note { MOCK_NOTE_RESULT, MOCK_NOTE_VIOLATION };
typedef void mock_note_fn(enum mock_note note, const char *line);

struct mock_paths {
    const char *get, *post, *login, *refresh;
    const char *attempt; /* before "/" and the id */
};

/* Numbers that only grow; state.c has a table of their names. */
struct mock_counters {
    int64_t claimed;
    int64_t results;      /* tasks that were answered */
    int64_t twin_results; /* further results of tasks that several were given */
    int64_t duplicates;
    int64_t violations;
    int64_t destroyed;    /* attempts that a repeated result has deleted, under the real rules */
    int64_t unanswerable; /* claims whose answer was lost, so that no runner knows of them */
    int64_t unstorable;   /* results that the real backend could not store */
    int64_t queries;      /* for an attempt */
    int64_t reused;       /* claims and results on a connection that had served a request before */
    int64_t logins;
    int64_t refreshes;
    int64_t requests_total; /* answered or dropped; of the four paths and unknown ones */
    int64_t parallel_max;
    int64_t posts_parallel_max; /* of results alone */
};

struct mock {
    /* Set before the server starts, constant from then on. */
    struct mock_paths paths; /* not owned */
    enum results_rules rules;
    bool auth_wanted;        /* task requests need a token */
    unsigned no_task_status; /* 200, 204 or 404 */
    int64_t claim_lag_ms;    /* from choosing a task to marking it as taken */
    size_t max_body_bytes;
    int results_fd; /* -1: none; not owned */
    mock_note_fn *note;
    int64_t start_ms, start_wall_ms;

    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t changed; /* after each action, at each answer, and at the end; monotonic clock */
    bool stopping;
    struct queue queue;
    struct auth auth;
    struct faults faults;
    struct mock_counters counters;
    int64_t parallel;          /* requests being worked on */
    int64_t posts_parallel;    /* results among them */
    int64_t first_claim_ms;    /* of clock_now_ms(); 0: none so far */
    size_t unmarked;           /* number of the claim last handed out; */
    char *unmarked_text;       /* what was answered (owned), which others get too */
    int64_t unmarked_until_ms; /* until then, of clock_now_ms() */
    json_t *requests;          /* owned; path -> status -> count */
    json_t *fault_hits;        /* owned; fault -> count */
    json_t *agents;            /* owned; User-Agent -> count */
    json_t *violation_reasons; /* owned; the first few */
};

/* `list` and `rounds` as queue_init() takes them, `users` and `token_ttl_ms` as auth_init() does. */
struct mock_setup {
    json_t *list;
    int64_t rounds;
    const char *users;
    int64_t token_ttl_ms;
};

void mock_init(struct mock *ret_mock, const struct mock_setup *setup);
void mock_done(struct mock *mock);

/* Milliseconds since the start. */
int64_t mock_now_ms(const struct mock *mock);

/* With the lock held: waits until something changes, or (false) until `deadline_ms` of clock_now_ms(). */
bool mock_wait(struct mock *mock, int64_t deadline_ms);

/* Lets everything that waits go on. */
void mock_stop(struct mock *mock);
