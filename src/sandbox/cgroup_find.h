#pragma once

/* Finds the control groups below which this process may create its own. */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum cgroup_kind {
    CGROUP_NONE,
    CGROUP_V1,
    CGROUP_HYBRID, /* limits by v1, CPU time and killing by v2 */
    CGROUP_V2,
};

/* The hierarchies in use. On v2 they are all the same. */
enum cgroup_tree { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_CPUACCT, CGROUP_UNIFIED, CGROUP_TREES };

/* The groups below which tasks get theirs. */
struct cgroup_parents {
    enum cgroup_kind kind;
    char *dirs[CGROUP_TREES]; /* NULL if the hierarchy is missing or not writable */
    char *why;                /* CGROUP_NONE: the obstacle and its remedy; else NULL */
};

/*
 * Finds the groups that are available to this process. The caller releases them with
 * cgroup_parents_done().
 */
void cgroup_find(struct cgroup_parents *ret_parents);
void cgroup_parents_done(struct cgroup_parents *parents);
const char *cgroup_kind_name(enum cgroup_kind kind);

/*
 * On v2, a group that contains processes cannot have children with controllers, so this moves the
 * runner into a child group. To be called before any child process is started. Does nothing for
 * other kinds.
 */
int cgroup_make_room(struct err *err);

/*
 * Returns the directory of our own group in the hierarchy of a controller ("": the unified one), or
 * NULL if it is not visible. The caller frees.
 */
char *cgroup_own_dir(const char *controller);

/* Writes into a file of a group, with one write(2). Returns 0 or -errno. */
int cgroup_write(const char *dir, const char *file, const char *text);

/* Returns the contents of a file of a group; "" if it cannot be read. The caller frees. */
char *cgroup_read(const char *dir, const char *file);

/* Returns the number in a file; 0 if it cannot be read. */
uint64_t cgroup_read_number(const char *dir, const char *file);

/* Returns the memory that a group uses, in bytes; 0 if it cannot be read. */
uint64_t cgroup_read_memory(const char *memory_dir, bool is_v2);

/* Returns how many processes of a group the kernel's OOM killer has killed. */
uint64_t cgroup_count_kills(const char *memory_dir, bool is_v2);

/*
 * Returns how often the group's own memory limit was hit: OOM events (v2), or all hits, including
 * those that were resolved by reclaim (v1).
 */
uint64_t cgroup_count_refusals(const char *memory_dir, bool is_v2);

/* Returns the number that follows `key` in a file of "key number" lines; 0 if there is none. */
uint64_t cgroup_read_keyed(const char *dir, const char *file, const char *key);
