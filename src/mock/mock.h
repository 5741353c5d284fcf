#pragma once

/* The state that all requests share. One lock; each connection has its own thread. */

#include "mock/auth.h"
#include "mock/faults.h"
#include "mock/queue.h"
#include "mock/results.h"

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Reports an event on the terminal. May be called by several threads at a time. */
enum mock_note { MOCK_NOTE_RESULT, MOCK_NOTE_VIOLATION };
typedef void mock_note_fn(enum mock_note note, const char *line);

struct mock_paths {
    const char *get, *post, *login, *refresh;
    const char *attempt; /* followed by "/" and the id */
};

/* Counters, which only grow; state.c has a table of their names. */
struct mock_counters {
    int64_t claimed;
    int64_t results;      /* answered tasks */
    int64_t twin_results; /* further results of tasks that several runners were given */
    int64_t duplicates;
    int64_t violations;
    int64_t destroyed;    /* attempts deleted by a repeated result (real rules) */
    int64_t unanswerable; /* claims whose answer was lost: no runner knows of them */
    int64_t unstorable;   /* results that the real backend could not store */
    int64_t queries;      /* queries for attempts */
    int64_t reused;       /* claims and results on reused connections */
    int64_t logins;
    int64_t refreshes;
    int64_t requests_total; /* answered or dropped, on any path */
    int64_t parallel_max;
    int64_t posts_parallel_max; /* of results only */
};

struct mock {
    /* Set before the server starts, then constant. */
    struct mock_paths paths; /* not owned */
    enum results_rules rules;
    bool auth_wanted;        /* task requests require a token */
    unsigned no_task_status; /* 200, 204 or 404 */
    int64_t claim_lag_ms;    /* between choosing a task and marking it as taken */
    size_t max_body_bytes;
    int results_fd; /* -1: none; not owned */
    mock_note_fn *note;
    int64_t start_ms, start_wall_ms;

    pthread_mutex_t lock;   /* protects what follows */
    pthread_cond_t changed; /* on each action, each answer and shutdown; monotonic clock */
    bool stopping;
    struct queue queue;
    struct auth auth;
    struct faults faults;
    struct mock_counters counters;
    int64_t parallel;          /* requests in progress */
    int64_t posts_parallel;    /* results in progress */
    int64_t first_claim_ms;    /* from clock_now_ms(); 0: none yet */
    size_t unmarked;           /* number of the last claim; */
    char *unmarked_text;       /* its answer (owned), which others get too */
    int64_t unmarked_until_ms; /* until this time, from clock_now_ms() */
    json_t *requests;          /* owned; path -> status -> count */
    json_t *fault_hits;        /* owned; fault -> count */
    json_t *agents;            /* owned; User-Agent -> count */
    json_t *violation_reasons; /* owned; the first ones */
};

/* `list` and `rounds`: see queue_init(); `users` and `token_ttl_ms`: see auth_init(). */
struct mock_setup {
    json_t *list;
    int64_t rounds;
    const char *users;
    int64_t token_ttl_ms;
};

void mock_init(struct mock *ret_mock, const struct mock_setup *setup);
void mock_done(struct mock *mock);

/* Returns the time since the start, in milliseconds. */
int64_t mock_now_ms(const struct mock *mock);

/*
 * Waits until something changes. Returns false at `deadline_ms` of clock_now_ms(). Requires the
 * lock.
 */
bool mock_wait(struct mock *mock, int64_t deadline_ms);

/* Wakes up all waiting requests for the shutdown. */
void mock_stop(struct mock *mock);
