#pragma once

/*
 * Results on disk that the backend does not have yet: spool/<key>.json, each the body of a POST. A delivered
 * result is unlinked; one that is refused for good goes to rejected/, with the answer beside it.
 *
 * spool/<key>.last is one line about the last attempt to deliver it: the answer, for `spool list`, or that a
 * POST is on its way. It is not flushed to disk: what it guards against, a runner that is killed while the
 * backend stores the result and started again at once, does not outlive the machine.
 */

#include "base/err.h"
#include "base/strv.h"
#include "model/result_shrink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

/* How long after a POST without an answer the backend may still be storing it: no query before that. */
#define SPOOL_SETTLE_MS 3000

struct spool_entry {
    char *key;
    int64_t added_ms;      /* of clock_now_ms(): since when it is known here */
    int64_t took_ms;       /* how long its job ran; 0: unknown */
    int64_t not_before_ms; /* no delivery before this */
    unsigned failures;     /* in a row, for the pause until the next attempt */
    bool in_flight;
    bool was_posted;         /* a POST of it may have arrived */
    bool is_spread;          /* its first delivery was put off, see delivery.c */
    unsigned store_failures; /* of this form of the result: the backend could not store it */
    uint64_t taken_before;   /* at the first of these: how many results the backend had taken */
    enum result_form form;   /* to be sent next */
    bool is_stuck;           /* it could not be stored several times: nothing waits for it */
};

/* The keys of all "<key>.json" in a directory, sorted. */
int spool_keys(const char *dir, struct strv *ret_keys, struct err *err);

/* Below `state_dir`; takes in what an earlier run has left there, oldest first. */
int spool_open(const char *state_dir, struct spool **ret_spool, struct err *err);
void spool_free(struct spool *spool);

/* Takes in what somebody else has put there since (`ostest-runner spool retry`); how many these were. */
size_t spool_look_again(struct spool *spool);

/* A result has been written to spool/<key>.json. `took_ms`: how long its job ran; 0: unknown. */
void spool_add(struct spool *spool, const char *key, int64_t took_ms);

size_t spool_len(const struct spool *spool);

/* How many of them are not stuck: those for which a stop waits, and which --max-unsent counts. */
size_t spool_unsent(const struct spool *spool);

/* The entry of this number, the oldest first. */
const struct spool_entry *spool_at(const struct spool *spool, size_t i);

/*
 * The oldest that may be delivered now, but for the `skip` oldest of these, as long as there are others; or
 * NULL: then `ret_next_ms` is when one may be, or CLOCK_NEVER.
 */
struct spool_entry *spool_next(struct spool *spool, int64_t now_ms, unsigned skip, int64_t *ret_next_ms);

/* The entry of a key, or NULL. Valid until an entry is added or removed. */
struct spool_entry *spool_find(struct spool *spool, const char *key);

/* Writes <key>.last: a line about the last attempt to deliver it. What cannot be written is left out. */
void spool_note(const struct spool *spool, const char *key, const char *line);

/* The same: its POST is about to go out. */
void spool_note_post(const struct spool *spool, const char *key);

/* Opens the body for reading. */
int spool_open_body(const struct spool *spool, const char *key, int *ret_fd, struct err *err);

/* The backend has it: removes file and entry. */
int spool_delivered(struct spool *spool, const char *key, struct err *err);

/* The backend will never take it: moves the file to rejected/ and writes `answer` beside it. */
int spool_rejected(struct spool *spool, const char *key, const char *answer, size_t len, struct err *err);
