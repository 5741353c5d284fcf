#pragma once

/*
 * The tasks: a list (from a file, or the built-in one), handed out once, several times or for
 * ever, and those that were added while running; and the claims, one for every id handed out.
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
    int64_t claimed_ms;  /* the last time, where the same id was handed out again */
    int64_t answered_ms; /* QUEUE_NOT_YET: who claimed it still waits for the answer */
    bool lost;           /* a fault kept the answer from arriving: nobody knows of this claim */
    int64_t posted_ms;   /* QUEUE_NOT_YET: no result so far */
    int64_t claims;
    int64_t twins; /* others that were given the same claim, each of whom may have a result of its own */
    uint64_t hashes[1 + CLAIM_MAX_TWINS]; /* of the results that were stored */
    size_t hashes_len;
    int64_t posts;     /* well-formed results, repeated ones included */
    json_t *result;    /* owned; what is stored for it; NULL: nothing */
    bool is_destroyed; /* by a repeated result, under the real backend's rules */
};

struct queue_added {
    json_t *task; /* owned */
    int64_t queued_ms;
};

struct queue {
    json_t *list; /* owned; an array */
    size_t next;  /* in the list */
    uint64_t round;
    int64_t rounds;   /* 0: without an end */
    uint64_t id_step; /* what each round adds to the integer ids */

    struct queue_added *added; /* owned; [added_next, added_len) wait */
    size_t added_next, added_len;

    struct claim *claims; /* owned, in the order of the first claim */
    size_t claims_len;
    json_t *index; /* owned; the id's JSON text -> its place in `claims` */
};

/* Reads an array of tasks: objects, or strings that are sent as they are. A new reference. */
int queue_read_file(const char *path, json_t **ret_list, struct err *err);

/* `list` NULL: the built-in one. Takes a reference of its own. `rounds` 0: without an end. */
void queue_init(struct queue *ret_queue, json_t *list, int64_t rounds);
void queue_done(struct queue *queue);

/* Appends one task or an array of them, or nothing where one of them is wrong. */
int queue_add(struct queue *queue, json_t *tasks, int64_t now_ms, struct err *err);

/* Takes the next task's text; false: there is none. `ret_number`: of the claim, from 1; 0: a text without an
 * id. */
bool queue_claim(struct queue *queue, int64_t now_ms, struct buf *ret_body, size_t *ret_number);

/* Its text is given to one more, who asked before it was marked as taken. False where that cannot be. */
bool queue_claim_twin(struct queue *queue, size_t number);

/* What became of the answer to this claim. */
void queue_answered(struct queue *queue, size_t number, int64_t now_ms, bool lost);

/* The claim of this id, of the same JSON type; NULL: never handed out. */
struct claim *queue_find(struct queue *queue, const json_t *id);

/* Tasks still to be handed out; -1: no end. */
int64_t queue_left(const struct queue *queue);
