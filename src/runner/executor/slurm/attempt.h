#pragma once

/*
 * The files of an attempt on a cluster, see model/lease.h. jobs/<key>/lease names the valid
 * attempt.
 */

#include "base/err.h"
#include "model/lease.h"

#include <stdbool.h>

struct slurm_attempt {
    char lease[LEASE_SIZE];
    char *claim_dir; /* jobs/<key>; owned */
    char *dir;       /* of the attempt, in claim_dir; owned */
};

/* Creates a new attempt, which becomes the valid one. It is on disk before it is submitted. */
int slurm_attempt_new(const char *claim_dir, struct slurm_attempt *ret_try, struct err *err);

/*
 * Loads the valid attempt. Returns -ENOENT, without a message, if there is none; other errors mean
 * that it cannot be read now.
 */
int slurm_attempt_find(const char *claim_dir, struct slurm_attempt *ret_try, struct err *err);

void slurm_attempt_done(struct slurm_attempt *t);

struct slurm_attempt_sight {
    bool has_begun;
    bool has_ended;
    struct lease_end end; /* then */
};

/* Reads the state of the attempt, as far as it is visible on this host. */
void slurm_attempt_look(const struct slurm_attempt *t, struct slurm_attempt_sight *ret_sight);

/*
 * Moves the result to the claim. Returns -EBADMSG if it is not (yet) the one that the job wrote.
 */
int slurm_attempt_take_result(const struct slurm_attempt *t, const struct lease_end *end, struct err *err);

/*
 * Moves the logs to the claim and invalidates the attempt: whatever a copy of the job still writes
 * has no effect. `why`: how it ended (journal_tell_starts()); NULL: nothing to tell.
 */
void slurm_attempt_close(const struct slurm_attempt *t, const char *why);

/*
 * Reads the job's log from `offset` on. Returns the number of bytes read; 0: none yet.
 */
size_t slurm_attempt_read_log(const struct slurm_attempt *t, uint64_t offset, char *ret_data, size_t size);
