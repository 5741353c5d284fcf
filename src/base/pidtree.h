#pragma once

/*
 * The processes below one process, as /proc/<pid>/task/<tid>/children lists them (proc(5)).
 * A listing is a snapshot: a process can appear or go while it is taken.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Signals the process itself and everything below it. */
void pidtree_signal(pid_t root, int signo);

/*
 * SIGKILL to everything below `root`, not to itself; stops them all first, so that hardly one can
 * start another between being seen and being killed: one whose fork had begun can, so look again
 * until none is left. Gives how many were found alive.
 */
unsigned pidtree_kill(pid_t root);

/* The children of `root` alone; the caller frees `ret_pids`. Gives how many. */
size_t pidtree_children(pid_t root, pid_t **ret_pids);

/* Resident memory and number of processes of `root` and all below it. What they share counts in each. */
void pidtree_usage(pid_t root, uint64_t *ret_rss_bytes, unsigned *ret_processes);

/*
 * Their memory with what they share counted once (PSS), as far as we may look into them; the others count
 * as above. The kernel looks at each page: some 40 ms for a GB.
 */
uint64_t pidtree_exact_bytes(pid_t root);
