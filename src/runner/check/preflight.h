#pragma once

/* What has to work before the first task is taken: asked at every start, and by `doctor`. */

#include "base/err.h"
#include "base/strv.h"
#include "runner/config/options.h"
#include "sandbox/cgroup_find.h"

enum preflight_probe { PREFLIGHT_SANDBOX, PREFLIGHT_SUITE };

/*
 * Lets ostest-job try one thing, in a directory of its own below the state directory. What it says
 * comes back in `ret_words` (may be NULL; the caller frees). Class environment where it does not work,
 * with what to do about it where that is known.
 */
int preflight_probe(const struct options *options, const char *job_program, enum preflight_probe probe,
                    char **ret_words, struct err *err);

/* The version of git; class environment where it does not work. The caller frees. */
int preflight_git(char **ret_version, struct err *err);

/* Makes room for control groups, and tries the sandbox; logs what is in use. */
int preflight(const struct options *options, const char *job_program, struct err *err);
