#pragma once

/*
 * Undelivered results on disk: spool/<key>.json, each the body of a POST. A delivered result is
 * unlinked; a refused one moves to rejected/, together with the answer.
 *
 * spool/<key>.last is a line about the last delivery: the answer, for `spool list`, or that a POST
 * is in progress. It is not flushed to disk: it protects against a runner that is killed while the
 * backend stores the result and restarted at once, not against a crash of the machine.
 */

#include "base/err.h"
#include "base/strv.h"
#include "model/result_shrink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

/* Time for the backend to store a result whose POST was not answered; no query before that. */
#define SPOOL_SETTLE_MS 3000

struct spool_entry {
    char *key;
    int64_t added_ms;      /* clock_now_ms() when it was added */
    int64_t took_ms;       /* duration of its job; 0: unknown */
    int64_t not_before_ms; /* no delivery before this */
    unsigned failures;     /* consecutive, for the backoff */
    bool in_flight;
    bool was_posted;         /* a POST may have been received */
    bool is_spread;          /* its first delivery has been delayed, see delivery.c */
    unsigned store_failures; /* failures of the backend to store this form */
    uint64_t taken_before;   /* number of results stored by the backend before the first of them */
    enum result_form form;   /* form to send next */
    bool is_stuck;           /* repeatedly not stored: a stop does not wait for it */
};

/* Lists the keys of all "<key>.json" in a directory, sorted. */
int spool_keys(const char *dir, struct strv *ret_keys, struct err *err);

/* Opens the spool in `state_dir` with the results that are in it, oldest first. */
int spool_open(const char *state_dir, struct spool **ret_spool, struct err *err);
void spool_free(struct spool *spool);

/* Adds results that `ostest-runner spool retry` has put there; returns their number. */
size_t spool_look_again(struct spool *spool);

/* Adds spool/<key>.json, which has been written. `took_ms`: duration of its job; 0: unknown. */
void spool_add(struct spool *spool, const char *key, int64_t took_ms);

size_t spool_len(const struct spool *spool);

/*
 * Returns the number of results that are not stuck: a stop waits for them, and --max-unsent counts
 * them.
 */
size_t spool_unsent(const struct spool *spool);

/* Returns the entry at index `i`, oldest first. */
const struct spool_entry *spool_at(const struct spool *spool, size_t i);

/*
 * Returns the oldest entry that can be delivered now, after skipping up to `skip` of them as long
 * as others remain. Returns NULL if there is none; `ret_next_ms` is then the time when there will
 * be one, or CLOCK_NEVER.
 */
struct spool_entry *spool_next(struct spool *spool, int64_t now_ms, unsigned skip, int64_t *ret_next_ms);

/* Returns the entry of a key, or NULL. It is valid until an entry is added or removed. */
struct spool_entry *spool_find(struct spool *spool, const char *key);

/* Writes <key>.last. Errors are ignored. */
void spool_note(const struct spool *spool, const char *key, const char *line);

/* Notes in <key>.last that a POST is about to be sent. */
void spool_note_post(const struct spool *spool, const char *key);

/* Opens the body of the result for reading. */
int spool_open_body(const struct spool *spool, const char *key, int *ret_fd, struct err *err);

/* Removes a stored result: file and entry. */
int spool_delivered(struct spool *spool, const char *key, struct err *err);

/* Moves a refused result to rejected/ and writes `answer` beside it. */
int spool_rejected(struct spool *spool, const char *key, const char *answer, size_t len, struct err *err);
