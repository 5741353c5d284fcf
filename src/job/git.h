#pragma once

/*
 * git as a child process: never a prompt, never a hook, filter, submodule or LFS download, no
 * protocol that was not allowed; the operator's own configuration (credentials, insteadOf,
 * proxies) counts. What git says is turned into an error that a student or an operator can act on.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct git {
    const char *protocols;        /* comma separated */
    const char *credentials_path; /* a file of our own, there for as long as a command runs that needs it */
    int64_t timeout_ms;
    uint64_t limit_bytes; /* of one file that git writes */
    int cancel_fd;
    unsigned threads; /* how many of them git uses to unpack */
    pid_t keep;       /* a child of ours that is at work meanwhile; 0: none */
};

/* One git command. */
struct git_command {
    const char *git_dir;
    const char *work_tree;     /* NULL: none */
    const char *index_file;    /* NULL: git's own */
    const char *repository;    /* whose content it reads: a URL without credentials; NULL: none's */
    const char *url;           /* the same with credentials if it talks to the host; NULL: it does not */
    const char *doing;         /* for messages: "Cloning the repository" */
    const struct strv *args;   /* after "git" and its general options */
    size_t output_limit_bytes; /* where more than 64 KiB of output are fine; past it: class limit */
};

/*
 * Runs the command. Returns 0, and what it printed in `ret_output` (may be NULL); else an error whose class
 * tells whose fault it is: task, network, limit, environment (git_fault.h has the rules). Without a
 * repository, every failure is the machine's. -ENOENT: the repository exists, but has no such ref.
 * -EPROTOTYPE: its object format is not the mirror's. -EIO: the repository cannot be read, or the mirror is
 * damaged.
 */
int git_run(const struct git *git, const struct git_command *command, struct buf *ret_output,
            struct err *err);

/* Refuses URLs that are not of an allowed protocol (class task). */
int git_check_url(const struct git *git, const char *url, struct err *err);

/* Of our own environment what leaves git to look where it is started. */
void git_clean_env(struct strv *ret_env);
