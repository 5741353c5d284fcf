#pragma once

/* Tries as children of the runner, one in a slot; SIGCHLD tells of their ends. */

#include "runner/executor.h"

int executor_local_open(const struct executor_settings *settings, struct executor **ret_executor,
                        struct err *err);
