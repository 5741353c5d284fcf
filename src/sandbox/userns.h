#pragma once

/* The user namespace of a task whose runner is root: two users of the host are mapped. */

#include "base/err.h"

#include <sys/types.h>

/*
 * Makes a user namespace that belongs to the user `uid`, who is BOX_UID in it; BOX_HOST_SUITE_UID is
 * BOX_SUITE_UID. Groups have the same numbers. The caller must be root, and closes the descriptor.
 */
int userns_open(uid_t uid, int *ret_fd, struct err *err);
