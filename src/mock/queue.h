#pragma once

/*
 * Tasks and claims. Tasks come from a list (a file, or the built-in one), which is handed out once,
 * several times or endlessly, and from additions at run time. There is one claim for every id that
 * was handed out.
 */

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_NOT_YET   (-1)
#define CLAIM_MAX_TWINS 8

struct claim {
    json_t *id; /* owned; a string or an integer */
    int64_t queued_ms;
    int64_t claimed_ms;  /* the last time, if the id was handed out again */
    int64_t answered_ms; /* QUEUE_NOT_YET: the answer has not been sent */
    bool lost;           /* a fault lost the answer: the client does not know of the claim */
    int64_t posted_ms;   /* QUEUE_NOT_YET: no result yet */
    int64_t claims;
    int64_t twins;                        /* clients besides the first that got this claim */
    uint64_t hashes[1 + CLAIM_MAX_TWINS]; /* of the stored results */
    size_t hashes_len;
    int64_t posts;     /* well-formed results, repeated ones included */
    json_t *result;    /* owned; the stored result; NULL: none */
    bool is_destroyed; /* by a repeated result, under the real backend's rules */
};

struct queue_added {
    json_t *task; /* owned */
    int64_t queued_ms;
};

struct queue {
    json_t *list; /* owned; an array */
    size_t next;  /* index in the list */
    uint64_t round;
    int64_t rounds;   /* 0: endless */
    uint64_t id_step; /* added to the integer ids in each round */

    struct queue_added *added; /* owned; [added_next, added_len) are queued */
    size_t added_next, added_len;

    struct claim *claims; /* owned, in the order of the first claim */
    size_t claims_len;
    json_t *index; /* owned; the id's JSON text -> index in `claims` */
};

/* Reads an array of tasks: objects, or strings that are sent unchanged. Returns a new reference. */
int queue_read_file(const char *path, json_t **ret_list, struct err *err);

/*
 * Initializes the queue. `list` NULL: the built-in one; else takes its own reference. `rounds` 0:
 * endless.
 */
void queue_init(struct queue *ret_queue, json_t *list, int64_t rounds);
void queue_done(struct queue *queue);

/* Appends one task or an array of them; appends nothing if one of them is invalid. */
int queue_add(struct queue *queue, json_t *tasks, int64_t now_ms, struct err *err);

/*
 * Takes the text of the next task; returns false if there is none. `ret_number`: number of the
 * claim, from 1; 0: the text has no id.
 */
bool queue_claim(struct queue *queue, int64_t now_ms, struct buf *ret_body, size_t *ret_number);

/*
 * Counts a further client that gets the same claim, since it asked before the task was marked as
 * taken. Returns false if that is not possible.
 */
bool queue_claim_twin(struct queue *queue, size_t number);

/* Records whether the answer to this claim was lost. */
void queue_answered(struct queue *queue, size_t number, int64_t now_ms, bool lost);

/* Returns the claim of this id, of the same JSON type; NULL: never handed out. */
struct claim *queue_find(struct queue *queue, const json_t *id);

/* Returns the number of tasks to hand out; -1: endless. */
int64_t queue_left(const struct queue *queue);
