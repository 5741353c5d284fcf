#pragma once

#include <sys/types.h>

/* Fields of /proc/PID/status, proc_pid_status(5). */
struct pid_status {
    pid_t tgid, ppid;
    pid_t inner_pid; /* in its own pid namespace */
};

/*
 * Reads the status of a process; `pid` may be a thread's id. Returns -ESRCH if there is no such
 * process, or another -errno if /proc cannot be read.
 */
int pid_status_read(pid_t pid, struct pid_status *ret_status);
