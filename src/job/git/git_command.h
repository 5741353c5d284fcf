#pragma once

/*
 * How git is run (git.h), and what its errors are explained with (git_fault.h). All pointers are
 * borrowed.
 */

#include "base/strv.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct git {
    const char *protocols;        /* comma separated */
    const char *credentials_path; /* temporary file, exists while a command runs that needs it */
    int64_t timeout_ms;
    uint64_t limit_bytes; /* of one file that git writes */
    int cancel_fd;        /* readable: stop */
    unsigned threads;     /* for unpacking */
    pid_t keep;           /* a background child that must not be killed; 0: none */
};

/* One git command. */
struct git_command {
    const char *git_dir;
    const char *work_tree;     /* NULL: none */
    const char *index_file;    /* NULL: git's own */
    const char *repository;    /* that it reads: URL without credentials; NULL: none */
    const char *url;           /* the same with credentials if it talks to the host; else NULL */
    const char *doing;         /* for messages: "Cloning the repository" */
    const struct strv *args;   /* after "git" and its general options */
    size_t output_limit_bytes; /* at least 64 KiB; more output is an error of class limit */
};
