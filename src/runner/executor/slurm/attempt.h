#pragma once

/* The files of one try of a claim in a cluster, see model/lease.h. Which one counts stands in
 * jobs/<key>/lease. */

#include "base/err.h"
#include "model/lease.h"

#include <stdbool.h>

struct slurm_attempt {
    char lease[LEASE_SIZE];
    char *claim_dir; /* jobs/<key>; owned */
    char *dir;       /* the try's own, in that; owned */
};

/* Makes a new one, which counts from then on; on disk before anybody is asked to run it. */
int slurm_attempt_new(const char *claim_dir, struct slurm_attempt *ret_try, struct err *err);

/* The one that counts. -ENOENT, without a message, where there is none for sure; else it cannot be read now.
 */
int slurm_attempt_find(const char *claim_dir, struct slurm_attempt *ret_try, struct err *err);

void slurm_attempt_done(struct slurm_attempt *t);

struct slurm_attempt_sight {
    bool has_begun;
    bool has_ended;
    struct lease_end end; /* then */
};

/* What can be seen from here by now. */
void slurm_attempt_look(const struct slurm_attempt *t, struct slurm_attempt_sight *ret_sight);

/* Brings the result to the claim. -EBADMSG where it is not yet, or never, what the job's end says. */
int slurm_attempt_take_result(const struct slurm_attempt *t, const struct lease_end *end, struct err *err);

/*
 * The claim takes over its logs, and this try counts no more; what a copy of it still writes is of no effect.
 * `why`: what became of it (journal_tell_starts()); NULL: nothing that matters.
 */
void slurm_attempt_close(const struct slurm_attempt *t, const char *why);

/* What the job has logged behind the first `offset` bytes: how many of those could be had; 0: none by now. */
size_t slurm_attempt_read_log(const struct slurm_attempt *t, uint64_t offset, char *ret_data, size_t size);
