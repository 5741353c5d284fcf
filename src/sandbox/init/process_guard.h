#pragma once

/*
 * What one process may do to another of the same user, where the kernel would allow it: to trace it
 * (ptrace(2)), to change its limits, its scheduling and its processors. It may do so downwards only, to what
 * descends from it, or to what shares its memory: its own threads, and the helper of LeakSanitizer, which is
 * a clone of the process whose threads it traces. Otherwise a program could look into pytest, or make it so
 * slow that the suite's time limits come late.
 *
 * The kernel asks pid 1 (seccomp_unotify(2)), and only if another process is named. PTRACE_TRACEME needs no
 * question: the child agrees.
 */

#include "base/err.h"

/* Installs the filter in this process and all that it starts; it must have given up its privileges. */
int process_guard_start(int *ret_fd, struct err *err);

/* Answers one question, if there is one. */
void process_guard_answer(int fd);
