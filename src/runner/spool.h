#pragma once

/*
 * Results on disk that the backend does not have yet: spool/<key>.json, each the body of a POST.
 * Delivered is unlinked; refused for good goes to rejected/, with the answer beside it.
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

struct spool_entry {
    char *key;
    int64_t added_ms;      /* of clock_now_ms(): since when it is known here */
    int64_t not_before_ms; /* no delivery before this */
    unsigned failures;
    bool in_flight;
};

/* The keys of all "<key>.json" in a directory, sorted. */
int spool_keys(const char *dir, struct strv *ret_keys, struct err *err);

/* Below `state_dir`; takes in what an earlier run has left there, oldest first. */
int spool_open(const char *state_dir, struct spool **ret_spool, struct err *err);
void spool_free(struct spool *spool);

/* Takes in what somebody else has put there since (`ostest-runner spool retry`); how many these were. */
size_t spool_look_again(struct spool *spool);

/* A result has been written to spool/<key>.json. */
void spool_add(struct spool *spool, const char *key);

size_t spool_len(const struct spool *spool);

/* The entry of this number, the oldest first. */
const struct spool_entry *spool_at(const struct spool *spool, size_t i);

/*
 * The oldest that may be delivered now, but for the `skip` oldest of these, as long as there are others; or
 * NULL: then `ret_next_ms` is when one may be, or CLOCK_NEVER.
 */
struct spool_entry *spool_next(struct spool *spool, int64_t now_ms, unsigned skip, int64_t *ret_next_ms);

/* The entry of a key, or NULL. Valid until an entry is added or removed. */
struct spool_entry *spool_find(struct spool *spool, const char *key);

/* Opens the body for reading. */
int spool_open_body(const struct spool *spool, const char *key, int *ret_fd, struct err *err);

/* The backend has it: removes file and entry. */
int spool_delivered(struct spool *spool, const char *key, struct err *err);

/* The backend will never take it: moves the file to rejected/ and writes `answer` beside it. */
int spool_rejected(struct spool *spool, const char *key, const char *answer, size_t len, struct err *err);
