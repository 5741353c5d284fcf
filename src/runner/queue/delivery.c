#include "runner/queue/delivery.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_PARALLEL    4
#define BACKOFF_BASE_MS 1000
#define BACKOFF_MAX_MS  60000
/* Failures to store a form of a result before the next smaller one is sent. */
#define FAILURES_PER_FORM 3
/*
 * The backend hands out an attempt to two runners that request a task at the same moment. As their
 * jobs take equally long, they must be kept from posting at the same moment: storing takes 20 ms
 * from the query to the end of the POST, 400 ms under load. The first delivery of a result is
 * therefore delayed by a random time, up to a quarter of its job's, or up to SPREAD_MS once another
 * runner has been noticed. Without the query there is no delay, as such a backend has to accept
 * repeated results.
 */
#define SPREAD_MS      2000
#define SPREAD_PART    4
#define SPREAD_PART_MS 1000
/* Limit of a body that is read to be shrunk: the size of the largest report. */
#define MAX_BODY_BYTES (512U << 20)

struct delivery {
    struct ev *ev;
    struct spool *spool;
    struct backend *backend;
    delivery_event_fn *fn;
    void *data;

    unsigned in_flight;
    /*
     * While the backend does not answer, one result at a time is sent as a probe. The oldest ones
     * take turns, so that a result which breaks every connection does not block the others.
     */
    bool backend_away;
    unsigned probes;
    int64_t not_before_ms;
    struct backoff away_backoff;
    uint64_t random;
    uint64_t taken;  /* number of results stored by the backend */
    bool has_others; /* see delivery_expect_others() */
    struct ev_timer timer;
};

/* One delivery: first the query, then the POST. */
struct sending {
    struct delivery *delivery;
    char *key;
    enum attempt_verdict verdict; /* of the result */
    int64_t posted_ms;            /* clock_now_ms() at the start of the POST */
    bool is_probe;                /* started while the backend did not answer */
    bool knows_attempt;           /* the backend has answered the query */
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

static void sending_free(struct sending *s)
{
    free(s->key);
    free(s);
}

/* Emits an event about the spool. */
static void tell_broken(struct delivery *d, const char *key, const struct err *err)
{
    struct delivery_note note = {
        .event = DELIVERY_BROKEN, .key = key, .message = err->message, .http_status = -1};
    d->fn(&note, d->data);
}

/* Builds a note about the answer to a result in the spool. */
static struct delivery_note note_of(const struct sending *s, enum delivery_event event, const char *message,
                                    const struct backend_answer *answer)
{
    return (struct delivery_note){
        .event = event,
        .key = s->key,
        .message = message,
        .http_status = answer->status,
        .waited_ms = clock_now_ms() - spool_find(s->delivery->spool, s->key)->added_ms,
        .ours = s->verdict,
        .theirs = answer->verdict,
    };
}

static void tell(const struct sending *s, enum delivery_event event, const char *message,
                 const struct backend_answer *answer)
{
    struct delivery_note note = note_of(s, event, message, answer);
    s->delivery->fn(&note, s->delivery->data);
}

/* ---- pauses ---- */

/* Delays this result only: the backend answers, but does not accept it. */
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

/* Requests sent together fail together and count once, but each may ask for a longer pause. */
static void delay_all(struct delivery *d, bool is_probe, int64_t at_least_ms)
{
    bool counts = !d->backend_away || is_probe;
    int64_t wait_ms = counts ? backoff_next_ms(&d->away_backoff, at_least_ms) : at_least_ms;
    int64_t until_ms = clock_now_ms() + wait_ms;
    d->not_before_ms = counts ? until_ms : MAX(d->not_before_ms, until_ms);
    d->backend_away = true;
}

/* The backend is unreachable, directly or behind a proxy, or asked us to back off. */
static bool concerns_all(const struct backend_answer *answer)
{
    int status = answer->status;
    return status == 0 || status == 429 || (status >= 502 && status <= 504) || answer->retry_after_ms >= 0 ||
           answer->outcome == BACKEND_FORBIDDEN;
}

/*
 * Returns the time to wait after a POST without an answer of the backend itself: it may still be
 * storing the result. The time grows with the duration of the POST, because a slow backend stays
 * slow.
 */
static int64_t settle_ms(const struct sending *s, const struct backend_answer *answer)
{
    bool may_be_stored =
        answer->status == 0 ? answer->is_sent : answer->status == 502 || answer->status == 504;
    int64_t took_ms = clock_now_ms() - s->posted_ms;
    return may_be_stored ? MIN(MAX(took_ms, (int64_t)SPOOL_SETTLE_MS), (int64_t)BACKOFF_MAX_MS) : 0;
}

/* Delays this result, which was posted; the others need not wait while queries are answered. */
static void delay(const struct sending *s, struct spool_entry *entry, const struct backend_answer *answer,
                  bool is_query)
{
    if (concerns_all(answer))
        delay_all(s->delivery, s->is_probe, MAX(answer->retry_after_ms, (int64_t)0));
    if (!is_query || !concerns_all(answer))
        delay_entry(s->delivery, entry, is_query ? 0 : settle_ms(s, answer));
    spool_note(s->delivery->spool, s->key, answer->message);
}

/* ---- end of a delivery ---- */

static void finish(const struct sending *s, const struct backend_answer *answer)
{
    struct delivery *d = s->delivery;
    struct err err = {0};
    bool is_stored = answer->outcome == BACKEND_STORED;
    bool is_taken = is_stored || answer->outcome == BACKEND_OK;
    enum delivery_event event = is_stored ? DELIVERY_STORED : is_taken ? DELIVERY_DONE : DELIVERY_REJECTED;
    struct delivery_note note = note_of(s, event, answer->message, answer);
    d->taken += is_taken;
    if (is_stored && !spool_find(d->spool, s->key)->was_posted)
        delivery_expect_others(d);
    int r = is_taken ? spool_delivered(d->spool, s->key, &err)
                     : spool_rejected(d->spool, s->key, answer->body, answer->body_len, &err);
    struct spool_entry *entry = spool_find(d->spool, s->key);
    if (r < 0 && entry)
        delay_entry(d, entry, BACKOFF_BASE_MS);
    if (r < 0) {
        note.event = DELIVERY_BROKEN;
        note.message = err.message;
    }
    d->fn(&note, d->data);
}

/* ---- a result that the backend cannot store ---- */

/*
 * Returns true if the answer may be due to this result. One with Retry-After is about the backend.
 */
static bool is_store_failure(const struct backend_answer *answer)
{
    return answer->outcome == BACKEND_TOO_LARGE || (answer->status >= 500 && answer->retry_after_ms < 0);
}

/*
 * Counts a failure to store the result. After FAILURES_PER_FORM it is attributed to the result,
 * provided that the backend works otherwise: it has answered the query, or has stored another
 * result since. The next form is then due; returns true if there is none.
 */
static bool count_failure(const struct sending *s, struct spool_entry *entry,
                          const struct backend_answer *answer)
{
    if (entry->store_failures++ == 0)
        entry->taken_before = s->delivery->taken;
    bool works = s->knows_attempt || s->delivery->taken != entry->taken_before;
    bool is_due = works && entry->store_failures >= FAILURES_PER_FORM;
    if (!is_due && answer->outcome != BACKEND_TOO_LARGE)
        return false;
    if (entry->form + 1 == RESULT_FORMS)
        return true;
    entry->is_stuck = true;
    entry->form++;
    entry->store_failures = 0;
    entry->failures = 0;
    char message[512];
    snprintf(message, sizeof(message), "%s; next attempt: %s", answer->message,
             result_form_name(entry->form));
    tell(s, DELIVERY_SHRUNK, message, answer);
    return false;
}

/* ---- answers ---- */

static void on_failure(const struct sending *s, struct spool_entry *entry,
                       const struct backend_answer *answer, bool is_query)
{
    enum result_form form = entry->form;
    if (!is_query && is_store_failure(answer) && count_failure(s, entry, answer)) {
        finish(s, answer);
        return;
    }
    delay(s, entry, answer, is_query);
    if (entry->form == form)
        tell(s, DELIVERY_DELAYED, answer->message, answer);
}

static void take_post_answer(const struct sending *s, struct spool_entry *entry,
                             const struct backend_answer *answer)
{
    if (answer->outcome == BACKEND_OK || answer->outcome == BACKEND_REFUSED)
        finish(s, answer);
    else if (answer->outcome != BACKEND_RELOGIN)
        on_failure(s, entry, answer, false);
}

/* Releases the entry for its next delivery. */
static struct spool_entry *release(const struct sending *s)
{
    struct spool_entry *entry = spool_find(s->delivery->spool, s->key);
    s->delivery->in_flight--;
    entry->in_flight = false;
    return entry;
}

static void note_answer(struct delivery *d, const struct backend_answer *answer)
{
    if (concerns_all(answer))
        return;
    d->backend_away = false;
    backoff_reset(&d->away_backoff);
}

static void on_post_answer(const struct backend_answer *answer, void *data)
{
    struct sending *s = data;
    struct delivery *d = s->delivery;
    if (answer) {
        struct spool_entry *entry = release(s);
        note_answer(d, answer);
        take_post_answer(s, entry, answer);
    }
    sending_free(s);
    if (answer)
        delivery_kick(d);
}

/* ---- requests ---- */

/* Opens the result in the form that is due, in an unnamed file. */
static int open_small_body(const struct delivery *d, const struct spool_entry *entry, int *ret_fd,
                           struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(fd_closep) int small_fd = -1;
    CLEANUP(buf_done) struct buf body = BUF_INIT(MAX_BODY_BYTES);
    CLEANUP(buf_done) struct buf small = BUF_INIT(0);
    int r = spool_open_body(d->spool, entry->key, &fd, err);
    if (r == 0 && fd_read_all(fd, &body) < 0)
        r = err_errno(err, EIO, "Cannot read spool/%s.json", entry->key);
    if (r == 0)
        r = result_shrink(body.data ? body.data : "", body.len, entry->form, &small, err);
    if (r < 0)
        return r;
    small_fd = memfd_create("result", MFD_CLOEXEC);
    if (small_fd < 0 || fd_write_all(small_fd, small.data, small.len) < 0 || lseek(small_fd, 0, SEEK_SET) < 0)
        return err_errno(err, errno, "Cannot write a smaller form of spool/%s.json", entry->key);
    *ret_fd = small_fd;
    small_fd = -1;
    return 0;
}

/* Handles an unreadable file in the spool. One that was removed needs no delivery. */
static void on_broken(struct delivery *d, struct spool_entry *entry, int r, struct err *err)
{
    tell_broken(d, entry->key, err);
    if (r == -ENOENT)
        spool_delivered(d->spool, entry->key, err);
    else
        delay_entry(d, entry, BACKOFF_BASE_MS);
}

enum post { POST_SENT, POST_NOT_NOW, POST_BROKEN };

/* POST_SENT takes ownership of `s`; POST_NOT_NOW: there is no token. */
static enum post post(struct sending *s, struct spool_entry *entry)
{
    int fd;
    struct err err = {0};
    struct delivery *d = s->delivery;
    int r = entry->form == RESULT_WHOLE ? spool_open_body(d->spool, s->key, &fd, &err)
                                        : open_small_body(d, entry, &fd, &err);
    if (r < 0) {
        release(s);
        on_broken(d, entry, r, &err);
        return POST_BROKEN;
    }
    s->posted_ms = clock_now_ms();
    entry->was_posted = true;
    spool_note_post(d->spool, s->key);
    if (backend_deliver(d->backend, fd, on_post_answer, s))
        return POST_SENT;
    release(s);
    return POST_NOT_NOW;
}

static void on_query_answer(const struct backend_answer *answer, void *data)
{
    struct sending *s = data;
    struct delivery *d = s->delivery;
    if (!answer) {
        sending_free(s);
        return;
    }
    note_answer(d, answer);
    s->knows_attempt = answer->knows_attempt;
    bool is_paused = clock_now_ms() < d->not_before_ms; /* by the answer to another result */
    if (answer->outcome == BACKEND_OK && !is_paused) {
        if (post(s, spool_find(d->spool, s->key)) == POST_SENT)
            return;
    } else {
        struct spool_entry *entry = release(s);
        if (answer->outcome == BACKEND_STORED)
            finish(s, answer);
        else if (answer->outcome != BACKEND_OK && answer->outcome != BACKEND_RELOGIN)
            on_failure(s, entry, answer, true);
    }
    sending_free(s);
    delivery_kick(d);
}

/* Reads the result's id and verdict. `ret_id` stays NULL if it has no id to query. */
static int read_identity(struct sending *s, char **ret_id, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    char text[ATTEMPT_PEEK_BYTES];
    int r = spool_open_body(s->delivery->spool, s->key, &fd, err);
    if (r < 0)
        return r;
    ssize_t len = pread(fd, text, sizeof(text), 0);
    if (len < 0)
        return err_errno(err, errno, "Cannot read spool/%s.json", s->key);
    *ret_id = attempt_of_result(text, (size_t)len, &s->verdict);
    return 0;
}

/* Takes ownership of `s` unless it returns POST_NOT_NOW or POST_BROKEN. */
static enum post begin(struct sending *s, struct spool_entry *entry, const char *id)
{
    struct delivery *d = s->delivery;
    entry->in_flight = true;
    d->in_flight++;
    if (!id || !backend_has_query(d->backend))
        return post(s, entry);
    if (backend_query(d->backend, id, on_query_answer, s))
        return POST_SENT;
    release(s);
    return POST_NOT_NOW;
}

void delivery_expect_others(struct delivery *d)
{
    d->has_others = true;
}

static bool put_off(struct delivery *d, struct spool_entry *entry)
{
    if (!backend_has_query(d->backend))
        return false;
    int64_t most_ms = d->has_others ? SPREAD_MS : MIN(entry->took_ms / SPREAD_PART, (int64_t)SPREAD_PART_MS);
    if (!most_ms || entry->is_spread)
        return false;
    entry->is_spread = true;
    entry->not_before_ms = clock_now_ms() + backoff_uniform_ms(&d->random, most_ms);
    return true;
}

/* Returns false if no more deliveries can be started now. */
static bool start(struct delivery *d, struct spool_entry *entry)
{
    if (put_off(d, entry))
        return true;
    CLEANUP(mem_freep) char *id = NULL;
    struct err err = {0};
    struct sending *s = mem_alloc(sizeof(*s));
    *s = (struct sending){.delivery = d, .key = mem_strdup(entry->key), .is_probe = d->backend_away};
    int r = read_identity(s, &id, &err);
    if (r < 0) {
        sending_free(s);
        on_broken(d, entry, r, &err);
        return true;
    }
    enum post begun = begin(s, entry, id);
    if (begun != POST_SENT)
        sending_free(s);
    return begun != POST_NOT_NOW;
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
