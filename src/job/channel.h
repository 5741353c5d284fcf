#pragma once

/*
 * The socket through which the python of a suite's environment talks to the job: pytest's plugin tells of
 * its tests, and every python which files of the suite's tree it loads (src/pytest has the messages).
 *
 * Every process of the run can connect. What is told is believed only of an outermost pytest: one that has
 * no ancestor in a session. A session is bound to the process that began it, by the credentials that the
 * kernel puts on each message; a message of any other process is a fault (model/events.h).
 */

#include "base/err.h"
#include "base/proc.h"
#include "base/strv.h"
#include "model/events.h"

#include <stdbool.h>
#include <sys/types.h>

/* Open at the same time. Each python connects for a moment, a session of pytest for as long as it lasts. */
#define CHANNEL_MAX_CONNECTIONS PROC_MORE_FDS

struct channel_connection {
    pid_t session;   /* the process that began a session; 0: none */
    unsigned number; /* of that session */
};

/* What is told, for those who measure; `sender`: the process, in our namespace. */
typedef void channel_event_fn(enum events_kind kind, pid_t sender, void *data);

/* Returns true if a path in the suite's tree, relative to it, is one of the suite's own or may be there. */
typedef bool channel_is_original_fn(const char *path, void *data);

struct channel {
    char *dir; /* with the socket "events" and the file "select"; NULL: not open */
    int listen_fd;
    int fds[CHANNEL_MAX_CONNECTIONS]; /* of the connections; -1: free */
    struct channel_connection connections[CHANNEL_MAX_CONNECTIONS];
    unsigned sessions;
    size_t looks;                        /* at /proc, to answer questions */
    size_t first_bytes;                  /* of messages without a session */
    struct events *events;               /* borrowed, like the next ones */
    channel_event_fn *on_event;          /* before a test's start is answered */
    channel_is_original_fn *is_original; /* NULL: all files are */
    void *data;
    char *loaded;     /* a file that was loaded and is not the suite's; NULL: none; owned */
    bool was_stopped; /* a pytest of the suite was stopped for some time */
};

/* Nothing is open. */
void channel_init(struct channel *c);

/* Makes `dir`, which must not exist. `names`: the tests that the plugin selects; NULL: all. */
int channel_open(struct channel *c, const char *dir, const struct strv *names, struct err *err);

/*
 * Takes what is there to read on `listen_fd` and `fds`, but not more than a turn's share. Returns false if
 * there was nothing.
 */
bool channel_take(struct channel *c);

/* Removes the directory as well. */
void channel_close(struct channel *c);
