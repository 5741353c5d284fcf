#include "runner/housekeeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define INTERVAL_MS 30000

struct housekeeper {
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

struct housekeeper *housekeeper_new(struct ev *ev, struct children *children,
                                    const struct slot_program *program)
{
    struct slot_settings slot = {.program = program, .ev = ev, .children = children, .on_end = on_end};
    struct housekeeper *h = mem_alloc(sizeof(*h));
    *h = (struct housekeeper){.ev = ev};
    slot_init(&h->slot, &slot, 0);
    return h;
}

void housekeeper_free(struct housekeeper *h)
{
    if (!h)
        return;
    ev_timer_stop(h->ev, &h->timer);
    if (housekeeper_is_busy(h))
        slot_release(&h->slot);
    free(h);
}

static void on_timer(void *data)
{
    housekeeper_kick(data);
}

void housekeeper_kick(struct housekeeper *h)
{
    static const struct slot_job trim = {.work = SLOT_TRIM, .key = "cache", .label = "cache"};
    struct err err = {0};
    if (h->is_stopped || housekeeper_is_busy(h))
        return;
    if (clock_now_ms() < h->not_before_ms) {
        ev_timer_at(h->ev, &h->timer, h->not_before_ms, on_timer, h);
        return;
    }
    h->not_before_ms = clock_now_ms() + INTERVAL_MS;
    if (slot_start(&h->slot, &trim, &err) < 0)
        log_warning("The cache cannot be trimmed: %s", err.message);
}

void housekeeper_stop(struct housekeeper *h)
{
    h->is_stopped = true;
    ev_timer_stop(h->ev, &h->timer);
    slot_stop(&h->slot);
}

bool housekeeper_is_busy(const struct housekeeper *h)
{
    return h->slot.work != SLOT_FREE;
}
