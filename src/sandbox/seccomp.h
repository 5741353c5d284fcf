#pragma once

/*
 * The system calls that are refused in the sandbox: those that reach beyond its namespaces or
 * expose large parts of the kernel that no course needs. All others are allowed, including
 * ptrace(2).
 */

#include "base/err.h"

/* Opens a file with the filter, as expected by bwrap's --seccomp. The caller closes it. */
int seccomp_open_filter(int *ret_fd, struct err *err);
