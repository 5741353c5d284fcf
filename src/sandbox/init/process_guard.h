#pragma once

/*
 * Restricts what a process may do to another one of the same user: trace it (ptrace(2)), or change
 * its limits, scheduling and processors. A process may do so to its descendants and to whatever
 * shares its memory: its own threads, and LeakSanitizer's helper, a clone of the process whose
 * threads it traces. Otherwise a program could look into pytest, or slow it down so much that the
 * suite's time limits come late.
 *
 * The kernel asks pid 1 (seccomp_unotify(2)), and only if another process is named. PTRACE_TRACEME
 * needs no question: the child agrees.
 */

#include "base/err.h"

/*
 * Installs the filter in this process and all its future children. Privileges must be dropped
 * already.
 */
int process_guard_start(int *ret_fd, struct err *err);

/* Answers one pending question, if there is one. */
void process_guard_answer(int fd);
