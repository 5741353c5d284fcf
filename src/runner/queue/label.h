#pragma once

/* Names of tasks in log lines. */

#include "model/task.h"

/* Returns the task's id, without quotes and shortened. The caller frees. */
char *label_of(const struct task *task);

/* Logs the claim of a task. */
void label_log_claim(const struct task *task, const char *label, const char *key);

/* Logs that an answer with a task was not written to disk. Happens only on a forced exit. */
void label_log_lost(const char *body, size_t len);
