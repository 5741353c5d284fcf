#pragma once

/* summary.json and report.html: what an attempt leaves for people, besides its result. */

#include "base/err.h"
#include "job/job.h"
#include "job/run.h"
#include "model/result.h"

/* Notes what the run used and which limits it reached. */
void report_files_take_run(struct job *job, const struct run *run);

/* Writes summary.json, without fsync. */
int report_files_write_summary(struct job *job, const struct result *result, struct err *err);

/* Writes report.html (model/page.h). Call it after report_files_write_summary(). */
int report_files_write_page(struct job *job, const struct result *result, struct err *err);
