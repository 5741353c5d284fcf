#pragma once

/*
 * ostest-suite.conf in a suite's root: how to run a suite in any language. Lines "key = value":
 *   command       the words of a command line (quotes as in a shell, but no shell runs it)
 *   requirements  a pip requirements file, relative to the root; optional
 *   may-change    patterns (fnmatch(3)) of files of the suite that a run may change; optional
 * In the command, {src} {report} {lab} {labs} {tests} {proxy_timeout} are replaced. A word that
 * is just {labs} or {tests} becomes one word for each value, or none; within a word, the values
 * are joined with commas.
 */

#include "base/err.h"
#include "base/strv.h"
#include "job/job.h"

#include <stdbool.h>

#define MANIFEST_NAME "ostest-suite.conf"

struct manifest {
    struct strv command, may_change;
    char *requirements; /* path; NULL: none; owned */
};

/* Returns an error of class environment, with the line's number, if the file is wrong. */
int manifest_read(const char *tests_dir, struct manifest *ret_manifest, struct err *err);
void manifest_done(struct manifest *manifest);

/*
 * Expands the command for a task. Returns an error of class task if the name of a connected test
 * starts with '-' and would be taken for an option, of class environment if no word is left.
 * Returns an error, too, if the program is a file of the suite (class environment) or the student
 * (class task) that is not executable, or whose first line "#!…" ends with CR LF.
 */
int manifest_expand(const struct strv *command, const struct job *job, struct strv *ret_argv,
                    struct err *err);

/* Returns true if the placeholder, such as "{tests}", occurs in the command. */
bool manifest_uses(const struct strv *command, const char *placeholder);
