#pragma once

/*
 * The socket through which python in a suite's environment talks to the job: the pytest plugin
 * reports tests, and every python reports the files that it loads from the suite's tree (src/pytest
 * defines the messages).
 *
 * Every process of the run can connect. Only an outermost pytest, one without an ancestor in a
 * session, may report tests. A session is bound to the process that began it by the credentials
 * that the kernel attaches to each message; a message from any other process is a fault
 * (model/events.h).
 */

#include "base/err.h"
#include "base/proc.h"
#include "base/strv.h"
#include "model/events.h"

#include <stdbool.h>
#include <sys/types.h>

/* Limit of open connections. A pytest session keeps one open; other messages take a moment. */
#define CHANNEL_MAX_CONNECTIONS PROC_MORE_FDS

struct channel_connection {
    pid_t session;   /* the process that began a session; 0: none */
    unsigned number; /* of that session */
};

/* Receives each event of a session; `sender` is the process, in the job's pid namespace. */
typedef void channel_event_fn(enum events_kind kind, pid_t sender, void *data);

/* Returns true if a path, relative to the suite's tree, is one of the suite's own or may change. */
typedef bool channel_is_original_fn(const char *path, void *data);

struct channel {
    char *dir; /* with the socket "events" and the file "select"; NULL: not open */
    int listen_fd;
    int fds[CHANNEL_MAX_CONNECTIONS]; /* of the connections; -1: free */
    struct channel_connection connections[CHANNEL_MAX_CONNECTIONS];
    unsigned sessions;
    size_t looks;                        /* lookups in /proc so far */
    size_t first_bytes;                  /* of messages outside of a session */
    struct events *events;               /* borrowed, like the next ones */
    channel_event_fn *on_event;          /* called before a test's start is answered */
    channel_is_original_fn *is_original; /* NULL without a sandbox: loaded files are not checked */
    void *data;
    char *loaded;     /* first file that was loaded and is not the suite's; NULL: none; owned */
    bool was_stopped; /* a pytest of the suite was stopped for some time */
};

/* Initialises a channel without open descriptors. */
void channel_init(struct channel *c);

/*
 * Creates the new directory `dir` with the socket. `names`: tests that the plugin selects; NULL:
 * all.
 */
int channel_open(struct channel *c, const char *dir, const struct strv *names, struct err *err);

/*
 * Reads pending messages from `listen_fd` and `fds`, at most some hundreds in one call. Returns
 * false if there were none.
 */
bool channel_take(struct channel *c);

/* Closes all descriptors and removes the directory. */
void channel_close(struct channel *c);
