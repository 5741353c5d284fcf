#pragma once

/*
 * Claims on disk: jobs/<key>/ holds a task from the moment that the backend handed it out until
 * its result is in the spool. Nothing happens to a claim before journal_add() has returned 0.
 *
 *   task.json    what the backend answered, as it came
 *   starts       how often a job was started for it
 *   result.json  the body of the POST, written by the job in one step
 *   job.log      what the job logged
 *   stdout.log, stderr.log  what the tests printed
 *   summary.json, report.html  the result for people, as the job saw it (model/summary.h)
 *
 * Then the logs and the last two move to kept/<key>, or kept/<key>.fault where the result was an error of
 * this machine's.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

struct journal;

/* Below `state_dir`, which exists. */
int journal_open(const char *state_dir, struct journal **ret_journal, struct err *err);
void journal_free(struct journal *journal);

/*
 * What is on disk, oldest first: the keys of claims without a result in the spool, and those of
 * directories that hold nothing but what a dead job has left.
 */
int journal_list(struct journal *journal, struct strv *ret_claims, struct strv *ret_garbage, struct err *err);

struct task;

/* Writes the claim down, durably. `ret_key` is the caller's. */
int journal_add(struct journal *journal, const struct task *task, const char *body, size_t len,
                char **ret_key, struct err *err);

/* The body that journal_add() wrote. */
int journal_read(struct journal *journal, const char *key, struct buf *ret_body, struct err *err);

/* Whether that is this body, byte for byte. */
bool journal_holds(struct journal *journal, const char *key, const char *body, size_t len);

/* jobs/<key>. The caller frees. */
char *journal_dir(const struct journal *journal, const char *key);

/* Whether the disk takes what a job needs at least: else it could not even say that it failed. */
bool journal_has_room(const struct journal *journal);

/* How many starts were counted so far; 0 where that cannot be read. */
unsigned journal_starts(const struct journal *journal, const char *key);

/* Counts a start, durably, and gives the number of starts with it. */
int journal_count_start(struct journal *journal, const char *key, unsigned *ret_starts, struct err *err);

/* Takes the last start back: it was ended by us, not by a fault. */
int journal_uncount_start(struct journal *journal, const char *key, struct err *err);

/*
 * The sentence of the result when no other start follows. It ends in what the file "why" says of the last
 * one, where there is one: what a cluster told. The caller frees.
 */
char *journal_tell_starts(const struct journal *journal, const char *key, unsigned starts);

/* Whether its result is written; also where a journal_hand_over() has failed after the move. */
bool journal_has_result(const struct journal *journal, const char *key);

/* Writes an error result for a claim, in one step. */
int journal_write_error(struct journal *journal, const char *key, const char *details, struct err *err);

/*
 * Moves the result into the spool, as spool/<key>.json, and forgets the task, both durably: from
 * then on the claim is the spool's, and its directory is garbage. May be repeated after a fault, also when
 * the result is delivered by then.
 */
int journal_hand_over(struct journal *journal, const char *key, struct err *err);

/* Moves a claim that cannot be read to rejected/<key>.broken, out of the way, for a person to look at. */
int journal_set_aside(struct journal *journal, const char *key, struct err *err);

/*
 * Moves what is left of a claim that was handed over to kept/, and removes the oldest there, so that
 * `keep` are left of either kind. A directory without any is removed. -ENOTEMPTY where trees of a dead
 * job are still in it: those are removed by a job started with --clean.
 */
int journal_put_away(struct journal *journal, const char *key, bool is_fault, size_t keep, struct err *err);
