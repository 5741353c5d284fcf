#pragma once

/*
 * Claims on disk: jobs/<key>/ holds a task from the backend's answer until its result is in the
 * spool. A job must not be started for a claim before journal_add() has returned 0.
 *
 *   task.json    the backend's answer, unchanged
 *   starts       number of jobs started for the claim
 *   result.json  the body of the POST, written by the job atomically
 *   job.log      log of the job
 *   stdout.log, stderr.log  output of the tests
 *   summary.json, report.html  the result for people (model/summary.h)
 *
 * Afterwards the logs and the last two move to kept/<key>, or to kept/<key>.fault if the result is
 * an error of this machine.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

struct journal;

/* Opens the journal in `state_dir`, which must exist. */
int journal_open(const char *state_dir, struct journal **ret_journal, struct err *err);
void journal_free(struct journal *journal);

/*
 * Lists the journal, oldest first: the keys of claims without a result in the spool, and of
 * directories with only leftovers of a dead job.
 */
int journal_list(struct journal *journal, struct strv *ret_claims, struct strv *ret_garbage, struct err *err);

struct task;

/* Writes a claim to disk, durably. The caller frees `ret_key`. */
int journal_add(struct journal *journal, const struct task *task, const char *body, size_t len,
                char **ret_key, struct err *err);

/* Reads the body that journal_add() wrote. */
int journal_read(struct journal *journal, const char *key, struct buf *ret_body, struct err *err);

/* Returns true if the claim has this body, byte for byte. */
bool journal_holds(struct journal *journal, const char *key, const char *body, size_t len);

/* Returns the path of jobs/<key>; the caller frees. */
char *journal_dir(const struct journal *journal, const char *key);

/* Returns false if the disk is full, so that a job could not even write an error result. */
bool journal_has_room(const struct journal *journal);

/* Returns the number of starts; 0 if it cannot be read. */
unsigned journal_starts(const struct journal *journal, const char *key);

/* Increments the number of starts, durably, and returns it in `ret_starts`. */
int journal_count_start(struct journal *journal, const char *key, unsigned *ret_starts, struct err *err);

/* Decrements the number of starts, for a job that the runner stopped itself. */
int journal_uncount_start(struct journal *journal, const char *key, struct err *err);

/*
 * Returns the sentence of the error result after the last start. It ends with the text of the file
 * "why", if there is one: the reason reported by a cluster. The caller frees.
 */
char *journal_tell_starts(const struct journal *journal, const char *key, unsigned starts);

/*
 * Returns true if the result is written, also after a journal_hand_over() that failed after the
 * move.
 */
bool journal_has_result(const struct journal *journal, const char *key);

/* Writes an error result for a claim, atomically. */
int journal_write_error(struct journal *journal, const char *key, const char *details, struct err *err);

/*
 * Moves the result to spool/<key>.json and removes the task, both durably. From then on the spool
 * owns the claim, and the directory is garbage. Can be repeated after an error, even if the result
 * has been delivered meanwhile.
 */
int journal_hand_over(struct journal *journal, const char *key, struct err *err);

/* Moves an unreadable claim to rejected/<key>.broken, for the operator. */
int journal_set_aside(struct journal *journal, const char *key, struct err *err);

/*
 * Moves the remaining files of a claim to kept/ and removes the oldest entries there beyond `keep`
 * of each kind. A directory without such files is removed. Returns -ENOTEMPTY if it still has trees
 * of a dead job, which a job started with --clean removes.
 */
int journal_put_away(struct journal *journal, const char *key, bool is_fault, size_t keep, struct err *err);
