#pragma once

/* Executes attempts as child processes of the runner, one per slot. */

#include "runner/executor/executor.h"

int executor_local_open(const struct executor_settings *settings, struct executor **ret_executor,
                        struct err *err);
