#include "runner/delivery.h"

#include "base/clock.h"
#include "base/mem.h"
#include "runner/backoff.h"

#include <errno.h>

#define MAX_PARALLEL    4
#define BACKOFF_BASE_MS 1000
#define BACKOFF_MAX_MS  60000

struct delivery {
    struct ev *ev;
    struct spool *spool;
    struct backend *backend;
    delivery_event_fn *fn;
    void *data;

    unsigned in_flight;
    /* While nobody answers, one result at a time probes for all; an answer opens the way again. The oldest
     * take turns, so that one which breaks each connection keeps no other. */
    bool backend_away;
    unsigned probes;
    int64_t not_before_ms;
    struct backoff away_backoff;
    uint64_t random;
    struct ev_timer timer;
};

/* One result on its way. */
struct post {
    struct delivery *delivery;
    char *key;
    bool is_probe; /* sent while nobody answered */
};

struct delivery *delivery_new(struct ev *ev, struct spool *spool, struct backend *backend,
                              delivery_event_fn *fn, void *data)
{
    struct delivery *d = mem_alloc(sizeof(*d));
    uint64_t seed = backoff_seed();
    *d = (struct delivery){
        .ev = ev,
        .spool = spool,
        .backend = backend,
        .fn = fn,
        .data = data,
        .random = seed,
        .away_backoff = {.base_ms = BACKOFF_BASE_MS, .max_ms = BACKOFF_MAX_MS, .random = seed},
    };
    return d;
}

void delivery_free(struct delivery *d)
{
    if (!d)
        return;
    ev_timer_stop(d->ev, &d->timer);
    free(d);
}

/* `answer`: NULL: it is not about one. */
static void tell(struct delivery *d, enum delivery_event event, const char *key, const char *message,
                 const struct backend_answer *answer, int64_t waited_ms)
{
    struct delivery_note note = {event, key, message, answer ? answer->status : -1, waited_ms};
    d->fn(&note, d->data);
}

/* ---- the answers ---- */

/* This result alone waits: the backend answers, but not to its liking. */
static void delay_entry(struct delivery *d, struct spool_entry *entry, int64_t at_least_ms)
{
    struct backoff backoff = {.base_ms = BACKOFF_BASE_MS,
                              .max_ms = BACKOFF_MAX_MS,
                              .failures = entry->failures,
                              .random = d->random};
    entry->not_before_ms = clock_now_ms() + backoff_next_ms(&backoff, at_least_ms);
    entry->failures = backoff.failures;
    d->random = backoff.random;
}

/* What was sent together fails together: that counts once, but each may ask for a longer pause. */
static void delay_all(struct delivery *d, const struct post *post, int64_t at_least_ms)
{
    bool counts = !d->backend_away || post->is_probe;
    int64_t wait_ms = counts ? backoff_next_ms(&d->away_backoff, at_least_ms) : at_least_ms;
    int64_t until_ms = clock_now_ms() + wait_ms;
    d->not_before_ms = counts ? until_ms : MAX(d->not_before_ms, until_ms);
    d->backend_away = true;
}

/* Nobody is there, as far as we or a proxy can tell, or whoever is there wants to be left in peace. */
static bool concerns_all(const struct backend_answer *answer)
{
    int status = answer->status;
    return status == 0 || status == 429 || (status >= 502 && status <= 504) || answer->retry_after_ms >= 0 ||
           answer->outcome == BACKEND_FORBIDDEN;
}

static void on_trouble(struct post *post, struct spool_entry *entry, const struct backend_answer *answer)
{
    struct delivery *d = post->delivery;
    if (concerns_all(answer))
        delay_all(d, post, MAX(answer->retry_after_ms, (int64_t)0));
    else
        delay_entry(d, entry, 0);
    tell(d, DELIVERY_DELAYED, entry->key, answer->message, answer, 0);
}

static void on_end(struct delivery *d, const char *key, const struct backend_answer *answer)
{
    struct err err = {0};
    bool taken = answer->outcome == BACKEND_OK;
    int64_t waited_ms = clock_now_ms() - spool_find(d->spool, key)->added_ms;
    int r = taken ? spool_delivered(d->spool, key, &err)
                  : spool_rejected(d->spool, key, answer->body, answer->body_len, &err);
    struct spool_entry *entry = spool_find(d->spool, key);
    if (r < 0 && entry)
        delay_entry(d, entry, BACKOFF_BASE_MS);
    if (r < 0)
        tell(d, DELIVERY_BROKEN, key, err.message, answer, waited_ms);
    else
        tell(d, taken ? DELIVERY_DONE : DELIVERY_REJECTED, key, answer->message, answer, waited_ms);
}

static void post_free(struct post *post)
{
    free(post->key);
    free(post);
}

static void take_answer(struct post *post, const struct backend_answer *answer)
{
    struct delivery *d = post->delivery;
    struct spool_entry *entry = spool_find(d->spool, post->key);
    d->in_flight--;
    entry->in_flight = false;
    if (!concerns_all(answer)) {
        d->backend_away = false;
        backoff_reset(&d->away_backoff);
    }
    if (answer->outcome == BACKEND_OK || answer->outcome == BACKEND_REFUSED)
        on_end(d, post->key, answer);
    else if (answer->outcome != BACKEND_RELOGIN)
        on_trouble(post, entry, answer);
}

static void on_answer(const struct backend_answer *answer, void *data)
{
    struct post *post = data;
    struct delivery *d = post->delivery;
    if (answer)
        take_answer(post, answer);
    post_free(post);
    if (answer)
        delivery_kick(d);
}

/* ---- the requests ---- */

/* False where nothing more can be started now. */
static bool start(struct delivery *d, struct spool_entry *entry)
{
    int fd;
    struct err err = {0};
    int r = spool_open_body(d->spool, entry->key, &fd, &err);
    if (r < 0) {
        tell(d, DELIVERY_BROKEN, entry->key, err.message, NULL, 0);
        if (r == -ENOENT) /* somebody took it away: nothing is left to deliver */
            spool_delivered(d->spool, entry->key, &err);
        else
            delay_entry(d, entry, BACKOFF_BASE_MS);
        return true;
    }
    struct post *post = mem_alloc(sizeof(*post));
    *post = (struct post){.delivery = d, .key = mem_strdup(entry->key), .is_probe = d->backend_away};
    if (!backend_deliver(d->backend, fd, on_answer, post)) {
        post_free(post);
        return false;
    }
    entry->in_flight = true;
    d->in_flight++;
    return true;
}

static void on_timer(void *data)
{
    delivery_kick(data);
}

void delivery_kick(struct delivery *d)
{
    int64_t now = clock_now_ms();
    int64_t next = d->not_before_ms;
    while (now >= d->not_before_ms && d->in_flight < (d->backend_away ? 1 : MAX_PARALLEL)) {
        unsigned skip = d->backend_away ? d->probes++ % MAX_PARALLEL : 0;
        struct spool_entry *entry = spool_next(d->spool, now, skip, &next);
        if (!entry || !start(d, entry))
            break;
    }
    if (spool_len(d->spool) && next > now && next != CLOCK_NEVER)
        ev_timer_at(d->ev, &d->timer, next, on_timer, d);
}
