#pragma once

/*
 * Child processes. proc_spawn() starts one. proc_run() starts one, drains its output, enforces its
 * deadline, and then kills whatever the child has started, including processes that moved into
 * another session. For that, the calling process must be a child subreaper
 * (proc_become_subreaper()), and must not have other children in the meantime except the one that
 * it names.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The kernel's limit for an argument or variable, including the NUL: MAX_ARG_STRLEN of execve(2).
 */
#define PROC_STRING_BYTES (128U << 10)

struct proc_setup {
    const struct strv *argv; /* argv[0] is searched in the PATH of `env` */
    const struct strv *env;  /* the entire environment; NULL: ours */
    const char *cwd;         /* NULL: ours */
    int in_fd;               /* -1: /dev/null; likewise the next two */
    int out_fd;
    int err_fd;
    const int *keep_fds; /* more descriptors to inherit, with the same numbers */
    size_t keep_fds_len;
    const int *entry_fds; /* the child enters control groups by writing "0"; -1: unused */
    size_t entry_fds_len;
    int into_fd;                /* directory of a cgroup v2 to create the child in; -1 or 0: none */
    int into_entry_fd;          /* receives "0" if the kernel cannot do that */
    int (*prepare)(void *data); /* called in the child as our user: 0 or -errno; NULL: none */
    void *prepare_data;
    uid_t uid;                /* user and group of the child; 0: ours */
    int death_signal;         /* sent to the child when we end; 0: none */
    uint64_t file_size_bytes; /* RLIMIT_FSIZE; writes beyond it fail with EFBIG; 0: none */
    bool new_session;         /* own session and process group: no controlling terminal */
};

/* Starts a child. Returns an error if the program cannot be executed. */
int proc_spawn(const struct proc_setup *setup, pid_t *ret_pid, struct err *err);

/*
 * Like proc_spawn(), with both output streams on `ret_fd`, a non-blocking pipe that the caller
 * closes.
 */
int proc_spawn_piped(const struct proc_setup *setup, pid_t *ret_pid, int *ret_fd, struct err *err);

/* The destination of an output stream. Output beyond the limit is read, counted and dropped. */
struct proc_sink {
    int fd;         /* destination; -1: `buf` */
    struct buf buf; /* the caller frees */
    uint64_t limit_bytes;
    uint64_t kept_bytes;      /* within the limit */
    uint64_t dropped_bytes;   /* beyond the limit */
    uint64_t unwritten_bytes; /* part of kept_bytes that `fd` did not take */
};

/* If rss_bytes exceeds rss_limit_bytes, it is measured again with shared memory counted once. */
struct proc_sample {
    uint64_t rss_bytes; /* of the child and all its descendants */
    unsigned processes;
};

/* A descriptor that is read while the child runs, and once more after it has ended. */
struct proc_channel {
    int fd; /* -1: none */
    /* Reads the available data without blocking; returns false at the end. */
    bool (*take)(int fd, void *data);
    void *data;
    const int *more_fds; /* PROC_MORE_FDS others to wait for, -1: unused; NULL: none */
};

#define PROC_MORE_FDS 128

#define PROC_CHANNELS 3

struct proc_run {
    struct proc_setup setup;   /* in; proc_run() sets out_fd, err_fd, new_session, death_signal */
    struct proc_sink out, err; /* in and out */
    int64_t timeout_ms;        /* in: 0: none */
    int64_t grace_ms;          /* in: between SIGTERM and SIGKILL */
    int64_t sample_ms;         /* in: between samples; 0: no samples */
    void (*on_sample)(const struct proc_sample *now, void *data); /* in: or NULL */
    void *sample_data;
    int cancel_fd;                               /* in: end the child if readable; -1: none */
    bool end_now;                                /* in: end the child; a channel may set it */
    bool end_at_limit;                           /* in: end the child when `out` is full */
    pid_t keep;                                  /* in: another child, left alone; 0: none */
    struct proc_channel channels[PROC_CHANNELS]; /* in; unused if `take` is NULL */
    uint64_t rss_limit_bytes;                    /* in: end the child above it; 0: none */

    bool exited; /* out: ended with `status`; else by `signal` */
    int status;
    int signal;
    bool timed_out;
    bool cancelled;
    bool over_rss; /* a sample showed more than rss_limit_bytes */
    int64_t wall_ms;
    int64_t cpu_ms;     /* of the child and the children that it reaped */
    unsigned leftovers; /* processes still alive when the child ended */
    unsigned samples;
    struct proc_sample peak;
};

/* Runs a child until it and all its descendants have ended. */
int proc_run(struct proc_run *run, struct err *err);

/* Makes us the parent of orphaned descendants. */
int proc_become_subreaper(struct err *err);

/*
 * Kills all our descendants with SIGKILL and reaps them, except the children in `keep` and their
 * descendants. Returns how many were alive, or -ETIMEDOUT if some still exist after `timeout_ms`.
 */
int proc_kill_descendants(const pid_t *keep, size_t keep_len, int64_t timeout_ms, struct err *err);

/* Describes the end for messages: "exit status 3", "signal 9 (Killed)". */
void proc_describe_end(const struct proc_run *run, char *ret_text, size_t size);

/* Describes a status of waitpid(2), a signal without its name. The caller frees. */
char *proc_describe_status(int status);

/* Blocks the signals that stop or reload a program, and returns them. */
void proc_hold_stop_signals(sigset_t *ret_set);

/*
 * Blocks the same signals and `also` (0: none), and opens a signalfd(2) for them, which never
 * blocks. The caller closes it.
 */
int proc_open_signals(int also, int *ret_fd, struct err *err);

/* Returns a close-on-exec descriptor from pidfd_open(2), or -errno. */
int proc_open_pidfd(pid_t pid);
