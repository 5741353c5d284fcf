#pragma once

/*
 * The system calls that are refused in the sandbox: what reaches past its namespaces, or opens large
 * parts of the kernel that no course needs. All others work, ptrace(2) too.
 */

#include "base/err.h"

/* A file with the filter, as bwrap's --seccomp wants it. The caller closes. */
int seccomp_open_filter(int *ret_fd, struct err *err);
