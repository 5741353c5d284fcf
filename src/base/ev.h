#pragma once

/*
 * Event sources of the runner: file descriptors that the caller waits for (the runner in
 * curl_multi_poll), and timers on the monotonic clock. Single-threaded. Uses poll(2), since
 * epoll(7) watches count against a limit of the user that students' programs can exhaust.
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev;

/* `events` are those of poll(2). A callback may remove its own source, or any other. */
typedef void ev_fd_fn(short events, void *data);
typedef void ev_timer_fn(void *data);

/* Embedded in its owner; zero-initialized. */
struct ev_source {
    ev_fd_fn *fn;
    void *data;
    bool active;
};

struct ev_timer {
    int64_t deadline_ms; /* of clock_now_ms() */
    ev_timer_fn *fn;
    void *data;
    struct ev_timer *next; /* next in the list of armed timers */
    uint64_t round;        /* the latest dispatch when it was armed */
    bool armed;
};

struct ev *ev_new(void);
void ev_free(struct ev *ev);

/*
 * Returns the descriptors to wait for, besides ev_next_deadline_ms(). Valid until the next call
 * that adds, removes or dispatches.
 */
const struct pollfd *ev_fds(struct ev *ev, size_t *ret_len);

/* Watches `fd` for reading. Neither `source` nor `fd` is owned. */
void ev_add_fd(struct ev *ev, struct ev_source *source, int fd, ev_fd_fn *fn, void *data);
void ev_remove_fd(struct ev *ev, struct ev_source *source);

/* Arms a timer, or moves its deadline. A deadline in the past fires at the next dispatch. */
void ev_timer_at(struct ev *ev, struct ev_timer *timer, int64_t deadline_ms, ev_timer_fn *fn, void *data);
void ev_timer_stop(struct ev *ev, struct ev_timer *timer);

/* Returns the earliest deadline of an armed timer, or CLOCK_NEVER. */
int64_t ev_next_deadline_ms(const struct ev *ev);

/* Calls the callbacks of ready descriptors and due timers, without waiting. */
void ev_dispatch(struct ev *ev);
