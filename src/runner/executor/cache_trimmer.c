#include "runner/executor/cache_trimmer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define INTERVAL_MS 30000

struct cache_trimmer {
    struct ev *ev;
    struct slot slot;
    struct ev_timer timer;
    int64_t not_before_ms;
    bool is_stopped;
};

static void on_end(struct slot *slot, int status, void *data)
{
    slot_release(slot);
}

struct cache_trimmer *cache_trimmer_new(struct ev *ev, struct children *children,
                                        const struct slot_program *program)
{
    struct slot_settings slot = {.program = program, .ev = ev, .children = children, .on_end = on_end};
    struct cache_trimmer *h = mem_alloc(sizeof(*h));
    *h = (struct cache_trimmer){.ev = ev};
    slot_init(&h->slot, &slot, 0);
    return h;
}

void cache_trimmer_free(struct cache_trimmer *h)
{
    if (!h)
        return;
    ev_timer_stop(h->ev, &h->timer);
    if (cache_trimmer_is_busy(h))
        slot_release(&h->slot);
    free(h);
}

static void on_timer(void *data)
{
    cache_trimmer_kick(data);
}

void cache_trimmer_kick(struct cache_trimmer *h)
{
    static const struct slot_job trim = {.work = SLOT_TRIM, .key = "cache", .label = "cache"};
    struct err err = {0};
    if (h->is_stopped || cache_trimmer_is_busy(h))
        return;
    if (clock_now_ms() < h->not_before_ms) {
        ev_timer_at(h->ev, &h->timer, h->not_before_ms, on_timer, h);
        return;
    }
    h->not_before_ms = clock_now_ms() + INTERVAL_MS;
    if (slot_start(&h->slot, &trim, &err) < 0)
        log_warning("cannot trim the cache: %s", err.message);
}

void cache_trimmer_stop(struct cache_trimmer *h)
{
    h->is_stopped = true;
    ev_timer_stop(h->ev, &h->timer);
    slot_stop(&h->slot);
}

bool cache_trimmer_is_busy(const struct cache_trimmer *h)
{
    return h->slot.work != SLOT_FREE;
}
