#include "base/ev.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>

#define EVENTS_PER_WAIT 32

struct ev {
    int epoll_fd;
    struct ev_timer *timers;
    struct epoll_event ready[EVENTS_PER_WAIT];
    int ready_count;
    uint64_t round; /* counts the dispatches */
};

int ev_new(struct ev **ret_ev, struct err *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "Cannot create the event loop");
    struct ev *ev = mem_alloc(sizeof(*ev));
    ev->epoll_fd = fd;
    *ret_ev = ev;
    return 0;
}

void ev_free(struct ev *ev)
{
    if (!ev)
        return;
    fd_close(ev->epoll_fd);
    free(ev);
}

int ev_fd(const struct ev *ev)
{
    return ev->epoll_fd;
}

int ev_add_fd(struct ev *ev, struct ev_source *source, int fd, ev_fd_fn *fn, void *data, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    if (epoll_ctl(ev->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return err_errno(err, errno, "Cannot watch a file descriptor");
    *source = (struct ev_source){.fd = fd, .fn = fn, .data = data, .active = true};
    return 0;
}

void ev_remove_fd(struct ev *ev, struct ev_source *source)
{
    if (!source->active)
        return;
    epoll_ctl(ev->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->active = false;
    for (int i = 0; i < ev->ready_count; i++)
        if (ev->ready[i].data.ptr == source)
            ev->ready[i].data.ptr = NULL;
}

void ev_timer_stop(struct ev *ev, struct ev_timer *timer)
{
    if (!timer->armed)
        return;
    struct ev_timer **link = &ev->timers;
    while (*link != timer)
        link = &(*link)->next;
    *link = timer->next;
    timer->armed = false;
}

void ev_timer_at(struct ev *ev, struct ev_timer *timer, int64_t deadline_ms, ev_timer_fn *fn, void *data)
{
    ev_timer_stop(ev, timer);
    *timer = (struct ev_timer){
        .deadline_ms = deadline_ms, .fn = fn, .data = data, .round = ev->round, .armed = true};
    struct ev_timer **link = &ev->timers;
    while (*link && (*link)->deadline_ms <= deadline_ms)
        link = &(*link)->next;
    timer->next = *link;
    *link = timer;
}

int64_t ev_next_deadline_ms(const struct ev *ev)
{
    return ev->timers ? ev->timers->deadline_ms : CLOCK_NEVER;
}

/* The first timer that is due, but none that was armed by a callback of this very dispatch. */
static struct ev_timer *due_timer(const struct ev *ev, int64_t now)
{
    for (struct ev_timer *timer = ev->timers; timer && timer->deadline_ms <= now; timer = timer->next)
        if (timer->round != ev->round)
            return timer;
    return NULL;
}

static void dispatch_timers(struct ev *ev)
{
    int64_t now = clock_now_ms();
    struct ev_timer *timer;
    while ((timer = due_timer(ev, now))) {
        ev_timer_stop(ev, timer);
        timer->fn(timer->data);
    }
}

void ev_dispatch(struct ev *ev)
{
    ev->round++;
    ev->ready_count = epoll_wait(ev->epoll_fd, ev->ready, EVENTS_PER_WAIT, 0);
    for (int i = 0; i < ev->ready_count; i++) {
        struct ev_source *source = ev->ready[i].data.ptr;
        if (source)
            source->fn(ev->ready[i].events, source->data);
    }
    ev->ready_count = 0;
    dispatch_timers(ev);
}
