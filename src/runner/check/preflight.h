#pragma once

/* Checks of this machine, at every start before the first claim, and by `doctor`. */

#include "base/err.h"
#include "base/strv.h"
#include "runner/config/options.h"
#include "sandbox/cgroup_find.h"

enum preflight_probe { PREFLIGHT_SANDBOX, PREFLIGHT_SUITE };

/*
 * Runs a probe of ostest-job in a directory of its own in the state directory. Its last message is
 * returned in `ret_words` (may be NULL; the caller frees). Fails with class environment, and with
 * advice if there is any.
 */
int preflight_probe(const struct options *options, const char *job_program, enum preflight_probe probe,
                    char **ret_words, struct err *err);

/* Returns the version of git; fails with class environment. The caller frees. */
int preflight_git(char **ret_version, struct err *err);

/* Sets up control groups and probes the sandbox; logs which are in use. */
int preflight(const struct options *options, const char *job_program, struct err *err);
