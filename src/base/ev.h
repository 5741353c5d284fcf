#pragma once

/*
 * Event sources of the runner: one epoll descriptor that somebody else waits on (the runner's
 * curl_multi_poll), signals, and timers on the monotonic clock. Single-threaded.
 */

#include "base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct ev;

/* `events` are epoll(7)'s. A callback may remove its own source, or any other. */
typedef void ev_fd_fn(uint32_t events, void *data);
typedef void ev_timer_fn(void *data);

/* Embedded in its owner; zeroed before the first use. */
struct ev_source {
    int fd;
    ev_fd_fn *fn;
    void *data;
    bool active;
};

struct ev_timer {
    int64_t deadline_ms; /* of clock_now_ms() */
    ev_timer_fn *fn;
    void *data;
    struct ev_timer *next; /* in the list of armed timers */
    uint64_t round;        /* the number of the dispatch that was the last, or ran, when it was armed */
    bool armed;
};

int ev_new(struct ev **ret_ev, struct err *err);
void ev_free(struct ev *ev);

/* The descriptor that becomes readable when a source has something to say. */
int ev_fd(const struct ev *ev);

/* Watches `fd` for reading. Neither `source` nor `fd` is owned. */
int ev_add_fd(struct ev *ev, struct ev_source *source, int fd, ev_fd_fn *fn, void *data, struct err *err);
void ev_remove_fd(struct ev *ev, struct ev_source *source);

/* Arms, or moves, a timer. A deadline in the past fires at the next dispatch. */
void ev_timer_at(struct ev *ev, struct ev_timer *timer, int64_t deadline_ms, ev_timer_fn *fn, void *data);
void ev_timer_stop(struct ev *ev, struct ev_timer *timer);

/* The earliest deadline of an armed timer, or CLOCK_NEVER. */
int64_t ev_next_deadline_ms(const struct ev *ev);

/* Runs what is ready, without waiting. */
void ev_dispatch(struct ev *ev);
