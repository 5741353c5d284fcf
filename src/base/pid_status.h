#pragma once

#include <sys/types.h>

/* From /proc/PID/status, proc_pid_status(5). */
struct pid_status {
    pid_t tgid, ppid;
    pid_t inner_pid; /* as its own pid namespace has it */
};

/* `pid` may be a thread's id. -ESRCH: there is no such process; other -errno: /proc cannot be read. */
int pid_status_read(pid_t pid, struct pid_status *ret_status);
