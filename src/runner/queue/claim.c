#include "runner/queue/claim.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"

#define BACKOFF_MAX_MS 15000

struct claim {
    struct ev *ev;
    struct backend *backend;
    struct claim_calls calls;
    void *data;
    int64_t interval_ms;
    int64_t not_before_ms;
    bool in_flight;
    bool in_trouble; /* the last answer was none */
    struct backoff backoff;
    struct ev_timer timer;
};

struct claim *claim_new(struct ev *ev, struct backend *backend, int64_t interval_ms,
                        const struct claim_calls *calls, void *data)
{
    struct claim *c = mem_alloc(sizeof(*c));
    *c = (struct claim){
        .ev = ev,
        .backend = backend,
        .calls = *calls,
        .data = data,
        .backoff = {.random = backoff_seed()},
    };
    claim_set_interval(c, interval_ms);
    return c;
}

void claim_set_interval(struct claim *c, int64_t interval_ms)
{
    c->interval_ms = interval_ms;
    c->backoff.base_ms = MIN(interval_ms, (int64_t)BACKOFF_MAX_MS);
    c->backoff.max_ms = MAX(interval_ms, (int64_t)BACKOFF_MAX_MS);
}

void claim_free(struct claim *c)
{
    if (!c)
        return;
    ev_timer_stop(c->ev, &c->timer);
    free(c);
}

bool claim_is_busy(const struct claim *c)
{
    return c->in_flight;
}

static void on_timer(void *data)
{
    claim_kick(data);
}

static void wait_for(struct claim *c, int64_t wait_ms)
{
    c->not_before_ms = clock_now_ms() + wait_ms;
    ev_timer_at(c->ev, &c->timer, c->not_before_ms, on_timer, c);
}

static void on_answer(const struct backend_answer *answer, void *data)
{
    struct claim *c = data;
    if (!answer)
        return;
    c->in_flight = false;
    bool answered = answer->outcome == BACKEND_OK || answer->outcome == BACKEND_EMPTY;
    bool is_task = answer->outcome == BACKEND_OK && c->calls.on_body(answer->body, answer->body_len, c->data);
    c->in_trouble = !answered && answer->outcome != BACKEND_RELOGIN;
    if (answer->outcome == BACKEND_EMPTY)
        c->calls.on_none(c->data);
    if (answered)
        backoff_reset(&c->backoff);
    if (is_task || answer->outcome == BACKEND_RELOGIN) {
        claim_kick(c);
    } else if (answered) {
        wait_for(c, backoff_jitter_ms(&c->backoff.random, c->interval_ms));
    } else {
        wait_for(c, backoff_next_ms(&c->backoff, MAX(answer->retry_after_ms, c->backoff.base_ms)));
        c->calls.on_trouble(answer, c->data);
    }
}

void claim_kick(struct claim *c)
{
    if (c->in_flight || clock_now_ms() < c->not_before_ms || !c->calls.may_ask(c->data))
        return;
    c->in_flight = backend_claim(c->backend, on_answer, c);
}

void claim_hurry(struct claim *c)
{
    if (!c->in_trouble)
        c->not_before_ms = 0;
    claim_kick(c);
}
