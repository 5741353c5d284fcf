#pragma once

/*
 * Jobs of this runner's in the cluster that are of no use any more: a copy of one that was submitted twice,
 * or what was left when its claim was given up. They are cancelled, when two answers of Slurm's in a row had
 * them.
 */

#include "base/children.h"
#include "base/ev.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

struct slurm_orphans {
    struct ev *ev; /* set by the caller, as is `children`; the others begin with 0 */
    struct children *children;
    struct strv now, before; /* in this answer, and in the last one */
    struct strv doomed;      /* being cancelled; empty: nothing is */
    size_t next_doomed;
    struct tool *tool;
};

void slurm_orphans_done(struct slurm_orphans *s);

void slurm_orphans_add(struct slurm_orphans *s, const char *job_name);

/* The answer is at its end. */
void slurm_orphans_cancel(struct slurm_orphans *s);

/* Whether the next answer matters. */
bool slurm_orphans_are_there(const struct slurm_orphans *s);
