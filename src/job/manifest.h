#pragma once

/*
 * ostest-suite.conf in a suite's root: how a suite in any language is run. Lines "key = value":
 *   command       the words of a command line (quotes as in a shell, but no shell runs it)
 *   requirements  a pip requirements file, relative to the root; optional
 *   may-change    patterns (fnmatch(3)) of files of the suite that a run may change; optional
 * In the command, {src} {report} {lab} {labs} {tests} {proxy_timeout} are replaced. A word that
 * is just {labs} or {tests} becomes as many words as there are values, also none; within a word
 * the values stand with commas between them.
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

/* Class environment where it cannot be used; the message says which line. */
int manifest_read(const char *tests_dir, struct manifest *ret_manifest, struct err *err);
void manifest_done(struct manifest *manifest);

/*
 * Class task where a name starts with '-' and would be taken for an option; class environment where no
 * word is left, so that there is no program. Also if the program is a file of the suite's (class environment)
 * or the student's (class task) that is not executable, or whose first line "#!…" ends with CR LF.
 */
int manifest_expand(const struct strv *command, const struct job *job, struct strv *ret_argv,
                    struct err *err);

bool manifest_uses(const struct strv *command, const char *placeholder);
