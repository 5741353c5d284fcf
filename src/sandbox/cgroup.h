#pragma once

/*
 * The control group of one task: its limits and measurements. Kernel documentation:
 * admin-guide/cgroup-v2.rst and admin-guide/cgroup-v1/memory.rst.
 */

#include "base/err.h"
#include "sandbox/cgroup_find.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_limits {
    uint64_t memory_bytes; /* all processes together, files in memory included; no swap besides */
    double cpus;
    int64_t pids; /* threads count, too */
};

struct cgroup {
    enum cgroup_kind kind; /* CGROUP_NONE: there is no group, and nothing below does anything */
    char *dirs[CGROUP_TREES];
    int peak_fd; /* v2, Linux 6.12 and later: memory.peak, which starts anew for this descriptor; else -1 */
    bool has_leaves;  /* v2 before that: each test has a child group of its own */
    unsigned leaf;    /* number of the current one */
    uint64_t held;    /* bytes when the test started */
    int64_t start_us; /* CPU time when the test started */
};

/* Ends and removes what an earlier group of this name has left; nothing to do where there is none. */
int cgroup_remove(const struct cgroup_parents *parents, const char *name, struct err *err);

/* Makes the group. What an earlier one of this name has left is ended and removed. */
int cgroup_create(const struct cgroup_parents *parents, const char *name, const struct cgroup_limits *limits,
                  struct cgroup *ret_group, struct err *err);

/*
 * Descriptors through which a process enters the group. Moving a process into a group takes the kernel some
 * 10 ms, unless it is a single thread that moves itself (v1, "tasks") or is created there (v2,
 * CLONE_INTO_CGROUP).
 */
struct cgroup_fds {
    int tasks_fds[CGROUP_TREES]; /* v1: the new process writes "0" into each; -1: none */
    int dir_fd;                  /* v2: the directory to pass to CLONE_INTO_CGROUP; -1: none */
    int procs_fd;                /* v2: "0" is written to it if CLONE_INTO_CGROUP is not possible */
};

/* Opens them; the caller closes them with cgroup_close_fds(). */
int cgroup_open_fds(const struct cgroup *group, struct cgroup_fds *ret_fds, struct err *err);
void cgroup_close_fds(struct cgroup_fds *fds);

/* What one test used. */
struct cgroup_usage {
    uint64_t memory_bytes; /* peak above what was held when it started; 0: not measured */
    int64_t cpu_us;        /* -1: not measured */
};

/* `pid`: the process that runs the tests, in our namespace. */
void cgroup_test_begin(struct cgroup *group, pid_t pid);
void cgroup_test_end(struct cgroup *group, struct cgroup_usage *ret_usage);

/* What all processes hold now; 0: not measured. */
uint64_t cgroup_memory_now(const struct cgroup *group);

/* How often each limit was hit so far. */
struct cgroup_hits {
    uint64_t memory; /* processes killed */
    bool was_full; /* the limit for memory was reached; else the machine had none left, and so killed them */
    uint64_t pids; /* processes and threads refused */
};
void cgroup_read_hits(const struct cgroup *group, struct cgroup_hits *ret_hits);

/* Ends what is in the group, and removes it. */
int cgroup_destroy(struct cgroup *group, struct err *err);
