#pragma once

/*
 * Orphaned jobs of this runner on the cluster: copies of a job that was submitted twice, or jobs
 * whose claim has been given up. They are cancelled once two consecutive answers of Slurm contain
 * them.
 */

#include "base/children.h"
#include "base/ev.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

struct slurm_orphans {
    struct ev *ev; /* set by the caller, as is `children`; the others are initially 0 */
    struct children *children;
    struct strv now, before; /* in this answer, and in the last one */
    struct strv doomed;      /* being cancelled */
    size_t next_doomed;
    struct tool *tool;
};

void slurm_orphans_done(struct slurm_orphans *s);

void slurm_orphans_add(struct slurm_orphans *s, const char *job_name);

/* The answer is complete. */
void slurm_orphans_cancel(struct slurm_orphans *s);

/* Returns true if the next answer is needed. */
bool slurm_orphans_are_there(const struct slurm_orphans *s);
