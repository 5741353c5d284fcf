#pragma once

/* Runs attempts as children of the runner, one in a slot. */

#include "runner/executor/executor.h"

int executor_local_open(const struct executor_settings *settings, struct executor **ret_executor,
                        struct err *err);
