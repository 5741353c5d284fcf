#pragma once

/* How a task is called in log lines. */

#include "model/task.h"

/* Its id, without quotes, not too long. The caller frees. */
char *label_of(const struct task *task);

/* Logs that it is ours now. */
void label_log_claim(const struct task *task, const char *label, const char *key);

/* Logs that what the backend answered was never written down. Only who is told to leave at once ends so. */
void label_log_lost(const char *body, size_t len);
