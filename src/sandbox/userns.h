#pragma once

/* The user namespace of a task if the runner is root: it maps two users of the host. */

#include "base/err.h"

#include <sys/types.h>

/*
 * Creates a user namespace that belongs to the user `uid`. It maps `uid` to BOX_UID and
 * BOX_HOST_SUITE_UID to BOX_SUITE_UID, and groups by the same numbers. Requires root. The caller
 * closes the descriptor.
 */
int userns_open(uid_t uid, int *ret_fd, struct err *err);
