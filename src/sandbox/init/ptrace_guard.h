#pragma once

/*
 * ptrace(2) downwards only: a process may attach to what descends from it, or shares its memory (the helper
 * of LeakSanitizer attaches to the threads of the process that it is a clone of). The kernel asks pid 1
 * (seccomp_unotify(2)); no other system call costs anything. PTRACE_TRACEME needs no question: the child
 * agrees.
 */

#include "base/err.h"

/* Installs the filter in this process and all that it starts; it must have given up its privileges. */
int ptrace_guard_start(int *ret_fd, struct err *err);

/* Answers one question, if there is one. */
void ptrace_guard_answer(int fd);
