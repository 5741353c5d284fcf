#pragma once

/*
 * The descendants of a process, as listed in /proc/<pid>/task/<tid>/children (proc(5)). A list is a
 * snapshot: processes may appear or end while it is taken.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Signals the process and all its descendants. */
void pidtree_signal(pid_t root, int signo);

/*
 * Kills all descendants of `root`, but not `root` itself. Stops them all first, so that hardly any
 * can fork between being listed and being killed. A fork that has already begun still can: repeat
 * until none is left. Returns how many were alive.
 */
unsigned pidtree_kill(pid_t root);

/* Returns the number of direct children of `root`; the caller frees `ret_pids`. */
size_t pidtree_children(pid_t root, pid_t **ret_pids);

/*
 * Returns the resident memory and the number of processes of `root` and its descendants. Shared
 * memory is counted in each process.
 */
void pidtree_usage(pid_t root, uint64_t *ret_rss_bytes, unsigned *ret_processes);

/*
 * Returns the memory of the same processes, with shared memory counted once (PSS) as far as we may
 * read it, otherwise as above. The kernel walks all pages: some 40 ms for a GB.
 */
uint64_t pidtree_exact_bytes(pid_t root);
