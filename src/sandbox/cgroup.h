#pragma once

/*
 * The control group of one task: its limits and measurements. See admin-guide/cgroup-v2.rst and
 * admin-guide/cgroup-v1/memory.rst of the kernel.
 */

#include "base/err.h"
#include "sandbox/cgroup_find.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_limits {
    uint64_t memory_bytes; /* all processes together, files in memory included; no swap */
    double cpus;
    int64_t pids; /* including threads */
};

struct cgroup {
    enum cgroup_kind kind; /* CGROUP_NONE: no group exists, and all functions below do nothing */
    char *dirs[CGROUP_TREES];
    int peak_fd;      /* v2, Linux 6.12: memory.peak, reset per descriptor; else -1 */
    bool has_leaves;  /* v2 before Linux 6.12: each test has a child group */
    unsigned leaf;    /* number of the current child group */
    uint64_t held;    /* bytes in use when the test started */
    int64_t start_us; /* CPU time when the test started */
};

/* Kills and removes what is left of an earlier group of this name, if there is one. */
int cgroup_remove(const struct cgroup_parents *parents, const char *name, struct err *err);

/* Creates the group, after removing an earlier one of this name (cgroup_remove()). */
int cgroup_create(const struct cgroup_parents *parents, const char *name, const struct cgroup_limits *limits,
                  struct cgroup *ret_group, struct err *err);

/*
 * Descriptors through which a process enters the group. Moving a process into a group takes the
 * kernel some 10 ms, unless it is a single thread that moves itself (v1, "tasks") or is created
 * there (v2, CLONE_INTO_CGROUP).
 */
struct cgroup_fds {
    int tasks_fds[CGROUP_TREES]; /* v1: the new process writes "0" into each; -1: none */
    int dir_fd;                  /* v2: the directory to pass to CLONE_INTO_CGROUP; -1: none */
    int procs_fd;                /* v2: "0" is written to it if CLONE_INTO_CGROUP is not possible */
};

/* Opens them; the caller closes them with cgroup_close_fds(). */
int cgroup_open_fds(const struct cgroup *group, struct cgroup_fds *ret_fds, struct err *err);
void cgroup_close_fds(struct cgroup_fds *fds);

/* Resources that one test used. */
struct cgroup_usage {
    uint64_t memory_bytes; /* peak above the memory in use at the start; 0: not measured */
    int64_t cpu_us;        /* -1: not measured */
};

/*
 * Start and end the measurement of one test. `pid`: the process that runs the tests, in our pid
 * namespace.
 */
void cgroup_test_begin(struct cgroup *group, pid_t pid);
void cgroup_test_end(struct cgroup *group, struct cgroup_usage *ret_usage);

/* Returns the memory in use by all processes, in bytes; 0: not measured. */
uint64_t cgroup_memory_now(const struct cgroup *group);

/* How often each limit was hit. */
struct cgroup_hits {
    uint64_t memory; /* processes killed */
    bool was_full;   /* the memory limit was reached; else the machine had none left */
    uint64_t pids;   /* processes and threads that were refused */
};
void cgroup_read_hits(const struct cgroup *group, struct cgroup_hits *ret_hits);

/* Kills all processes of the group and removes it. */
int cgroup_destroy(struct cgroup *group, struct err *err);
