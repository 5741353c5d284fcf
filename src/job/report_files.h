#pragma once

/* What is written of a task for people, beside its result. */

#include "base/err.h"
#include "job/job.h"
#include "job/run.h"
#include "model/result.h"

/* What the run used, and the limits that it reached. */
void report_files_take_run(struct job *job, const struct run *run);

/* Writes summary.json. Lost at a power cut: it is for the eye. */
int report_files_write_summary(struct job *job, const struct result *result, struct err *err);

/* Writes report.html (model/page.h), after the summary. */
int report_files_write_page(struct job *job, const struct result *result, struct err *err);
