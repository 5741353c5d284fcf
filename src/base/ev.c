#include "base/ev.h"

#include "base/clock.h"
#include "base/mem.h"

struct ev {
    struct pollfd *fds;         /* fd < 0: removed */
    struct ev_source **sources; /* parallel to `fds`; NULL: removed */
    size_t len;
    struct ev_timer *timers;
    uint64_t round; /* number of dispatches so far */
};

struct ev *ev_new(void)
{
    return mem_alloc(sizeof(struct ev));
}

void ev_free(struct ev *ev)
{
    if (!ev)
        return;
    free(ev->fds);
    free(ev->sources);
    free(ev);
}

static void forget_removed(struct ev *ev)
{
    size_t kept = 0;
    for (size_t i = 0; i < ev->len; i++) {
        if (!ev->sources[i])
            continue;
        ev->sources[kept] = ev->sources[i];
        ev->fds[kept++] = ev->fds[i];
    }
    ev->len = kept;
}

const struct pollfd *ev_fds(struct ev *ev, size_t *ret_len)
{
    forget_removed(ev);
    *ret_len = ev->len;
    return ev->fds;
}

void ev_add_fd(struct ev *ev, struct ev_source *source, int fd, ev_fd_fn *fn, void *data)
{
    *source = (struct ev_source){.fn = fn, .data = data, .active = true};
    ev->fds = mem_resize(ev->fds, ev->len + 1, sizeof(*ev->fds));
    ev->sources = mem_resize(ev->sources, ev->len + 1, sizeof(struct ev_source *));
    ev->fds[ev->len] = (struct pollfd){.fd = fd, .events = POLLIN};
    ev->sources[ev->len++] = source;
}

void ev_remove_fd(struct ev *ev, struct ev_source *source)
{
    if (!source->active)
        return;
    size_t i = 0;
    while (ev->sources[i] != source)
        i++;
    ev->sources[i] = NULL;
    ev->fds[i] = (struct pollfd){.fd = -1};
    source->active = false;
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

/* Returns the first timer that is due and was not armed during this dispatch. */
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

/* Sources added by a callback wait for the next dispatch. */
static void dispatch_fds(struct ev *ev)
{
    size_t len;
    ev_fds(ev, &len);
    if (poll(ev->fds, len, 0) <= 0)
        return;
    for (size_t i = 0; i < len; i++) {
        struct ev_source *source = ev->sources[i];
        if (source && ev->fds[i].revents)
            source->fn(ev->fds[i].revents, source->data);
    }
}

void ev_dispatch(struct ev *ev)
{
    ev->round++;
    dispatch_fds(ev);
    dispatch_timers(ev);
}
