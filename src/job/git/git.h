#pragma once

/*
 * Runs git as a child process: without prompts, hooks, filters, submodules and LFS downloads, and
 * only with allowed protocols. The operator's own configuration (credentials, insteadOf, proxies)
 * applies. git's messages become errors that a student or an operator can act on.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "job/git/git_command.h"

/*
 * Runs the command and returns its output in `ret_output` (may be NULL). The class of an error
 * tells whose fault it is: task, network, limit or environment (rules: git_fault.h). Without a
 * repository, every failure is the machine's. Returns -ENOENT if the repository has no such ref,
 * -EPROTOTYPE if its object format is not the mirror's, -EIO if it cannot be read or the mirror is
 * damaged.
 */
int git_run(const struct git *git, const struct git_command *command, struct buf *ret_output,
            struct err *err);

/* Returns an error of class task if the URL's protocol is not allowed. */
int git_check_url(const struct git *git, const char *url, struct err *err);

/* Adds our own environment without the variables that change where git looks. */
void git_clean_env(struct strv *ret_env);
