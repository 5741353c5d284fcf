#pragma once

/* Where the machine lets us have control groups, if anywhere. */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum cgroup_kind {
    CGROUP_NONE,
    CGROUP_V1,
    CGROUP_HYBRID, /* limits by v1, CPU time and killing by v2 */
    CGROUP_V2,
};

/* The hierarchies that we use. On v2 they are all the same. */
enum cgroup_tree { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_CPUACCT, CGROUP_UNIFIED, CGROUP_TREES };

/* Below which groups tasks may have theirs. */
struct cgroup_parents {
    enum cgroup_kind kind;
    char *dirs[CGROUP_TREES]; /* NULL where the hierarchy is missing or not ours */
    char *why;                /* CGROUP_NONE: what is in the way, and what to do about it; else NULL */
};

/* Finds out what this machine offers to this process. */
void cgroup_find(struct cgroup_parents *ret_parents);
void cgroup_parents_done(struct cgroup_parents *parents);
const char *cgroup_kind_name(enum cgroup_kind kind);

/*
 * v2: a group with processes in it cannot have children with controllers. So the runner moves itself
 * into a child group, before it starts anything. Nothing to do for the other kinds.
 */
int cgroup_make_room(struct err *err);

/*
 * Where our own group in the hierarchy of a controller ("": the unified one) can be seen; NULL where it
 * cannot. The caller frees.
 */
char *cgroup_own_dir(const char *controller);

/* One write(2) into a file of a group. 0 or -errno. */
int cgroup_write(const char *dir, const char *file, const char *text);

/* A file of a group; "" where it cannot be read. The caller frees. */
char *cgroup_read(const char *dir, const char *file);

/* A file that holds a number; 0 where it cannot be read. */
uint64_t cgroup_read_number(const char *dir, const char *file);

/* What a group holds in memory, in bytes; 0 where it cannot be read. */
uint64_t cgroup_read_memory(const char *memory_dir, bool is_v2);

/* How many processes in a group the kernel's OOM killer has ended. */
uint64_t cgroup_count_kills(const char *memory_dir, bool is_v2);

/* How often a group's own limit of memory was in the way: the OOM killer (v2), or any reclaiming (v1). */
uint64_t cgroup_count_refusals(const char *memory_dir, bool is_v2);

/* The number behind a word at the start of a line, in a file of "word number" lines; 0 where there is none.
 */
uint64_t cgroup_read_keyed(const char *dir, const char *file, const char *key);
