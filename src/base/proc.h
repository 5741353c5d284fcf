#pragma once

/*
 * Child processes. proc_spawn() starts one; proc_run() starts one, drains its output, keeps its
 * deadline, and leaves nothing behind: whatever the child started is ended with it, also what
 * moved into a session of its own. For the latter the calling process must be a child subreaper
 * (proc_become_subreaper()), and have no other children meanwhile than the one it names.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel takes no longer argument or variable, with its NUL: MAX_ARG_STRLEN of execve(2). */
#define PROC_STRING_BYTES (128U << 10)

struct proc_setup {
    const struct strv *argv; /* argv[0] is looked up in the PATH of `env` */
    const struct strv *env;  /* the whole environment; NULL: ours */
    const char *cwd;         /* NULL: ours */
    int in_fd;               /* -1: /dev/null; likewise the next two */
    int out_fd;
    int err_fd;
    const int *keep_fds; /* more descriptors that the child inherits, same numbers */
    size_t keep_fds_len;
    const int *entry_fds; /* "0" is written into each by the child: it enters control groups; -1: left out */
    size_t entry_fds_len;
    int into_fd;                /* directory of a cgroup v2 that the child is born in; -1 or 0: none */
    int into_entry_fd;          /* where the kernel cannot do that, "0" is written into this */
    int (*prepare)(void *data); /* called in the child, still as our user; 0 or -errno; NULL: none */
    void *prepare_data;
    uid_t uid;                /* the user and group that the child becomes; 0: stays what we are */
    int death_signal;         /* sent to the child when we die; 0: none */
    uint64_t file_size_bytes; /* RLIMIT_FSIZE, past which writes fail with EFBIG; 0: none */
    bool new_session;         /* a session, and so a process group, of its own: no terminal to ask on */
};

/* Starts a child. A program that cannot be executed is an error here, not an exit status. */
int proc_spawn(const struct proc_setup *setup, pid_t *ret_pid, struct err *err);

/* The same; what it prints, on both streams, is read from a descriptor that never blocks; the caller closes
 * it. */
int proc_spawn_piped(const struct proc_setup *setup, pid_t *ret_pid, int *ret_fd, struct err *err);

/* What to do with one output stream. What passes the limit is read, counted and dropped. */
struct proc_sink {
    int fd;         /* written to; -1: kept in `buf` */
    struct buf buf; /* the caller frees */
    uint64_t limit_bytes;
    uint64_t kept_bytes;      /* within the limit */
    uint64_t dropped_bytes;   /* past the limit */
    uint64_t unwritten_bytes; /* of those that were kept: `fd` did not take them */
};

struct proc_sample {
    uint64_t rss_bytes; /* of the child and all its descendants; where that is over the limit, what they
                           share counts once */
    unsigned processes;
};

/* A descriptor that is read while the child runs, and once more at its end. */
struct proc_channel {
    int fd; /* -1: none */
    /* Takes what is there without waiting; false: nothing more will come. */
    bool (*take)(int fd, void *data);
    void *data;
    const int
        *more_fds; /* PROC_MORE_FDS others that are waited for as well, -1: none; NULL: there are none */
};

#define PROC_MORE_FDS 128

#define PROC_CHANNELS 3

struct proc_run {
    struct proc_setup setup;   /* in: out_fd, err_fd, new_session and death_signal are set by us */
    struct proc_sink out, err; /* in and out */
    int64_t timeout_ms;        /* in: 0: none */
    int64_t grace_ms;          /* in: between SIGTERM and SIGKILL */
    int64_t sample_ms;         /* in: between samples; 0: no samples */
    void (*on_sample)(const struct proc_sample *now, void *data); /* in: NULL: nobody wants to know */
    void *sample_data;
    int cancel_fd;     /* in: end the child when this becomes readable; -1: none */
    bool end_now;      /* in: end the child; a channel may set it meanwhile */
    bool end_at_limit; /* in: end the child when it prints more to `out` than its limit */
    pid_t keep;        /* in: another child of ours that is left alone; 0: none */
    struct proc_channel channels[PROC_CHANNELS]; /* in; those without `take` are none */
    uint64_t rss_limit_bytes;                    /* in: end the child when a sample shows more; 0: none */

    bool exited; /* out: by itself, with `status`; else by `signal` */
    int status;
    int signal;
    bool timed_out;
    bool cancelled;
    bool over_rss; /* a sample showed more than rss_limit_bytes */
    int64_t wall_ms;
    int64_t cpu_ms;     /* of the child and what it waited for */
    unsigned leftovers; /* processes that were still there when the child had ended */
    unsigned samples;
    struct proc_sample peak;
};

int proc_run(struct proc_run *run, struct err *err);

/* From now on, orphans among our descendants become our children. */
int proc_become_subreaper(struct err *err);

/*
 * Ends all our descendants with SIGKILL and reaps them, but for the children in `keep` and what is
 * below those. Gives how many were alive; -ETIMEDOUT where some were still there after `timeout_ms`.
 */
int proc_kill_descendants(const pid_t *keep, size_t keep_len, int64_t timeout_ms, struct err *err);

/* A one-line account for messages: "exit status 3", "signal 9 (Killed)". */
void proc_describe_end(const struct proc_run *run, char *ret_text, size_t size);

/* The same of a status of waitpid(2), but a signal without its name. The caller frees. */
char *proc_describe_status(int status);

/* Blocks the signals that tell a program to stop or to start anew, and gives them. */
void proc_hold_stop_signals(sigset_t *ret_set);

/* As that, and gives a descriptor to read them from (signalfd(2), never blocking); `also` one more; 0: none.
 */
int proc_open_signals(int also, int *ret_fd, struct err *err);

/* pidfd_open(2), close-on-exec. A descriptor or -errno. */
int proc_open_pidfd(pid_t pid);
