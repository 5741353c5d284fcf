#include "runner/service/service.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "runner/service/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATUS_INTERVAL_MS 1000
#define STOP_TICK_MS       10000
#define STOP_EXTENSION     "EXTEND_TIMEOUT_USEC=60000000\n"
#define STATUS_SIZE        1024

struct service {
    struct ev *ev;
    struct service_calls calls;
    void *data;
    struct notify *notify; /* NULL: no service manager */
    int64_t watchdog_ms;   /* 0: none */
    bool is_stopping;
    struct ev_timer ready_timer;
    struct ev_timer tick_timer;
    struct ev_timer status_timer;
    int64_t status_not_before_ms;
    char status[STATUS_SIZE]; /* as sent last */
};

static void tell(struct service *s, const char *lines)
{
    struct err err = {0};
    if (s->notify && notify_send(s->notify, lines, &err) < 0)
        s->calls.on_trouble(err.message, s->data);
}

/* ---- the status ---- */

/* A line break would start another message. */
static void make_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
}

static void on_status_timer(void *data)
{
    service_changed(data);
}

void service_changed(struct service *s)
{
    char text[STATUS_SIZE] = "";
    if (!s->notify || s->status_timer.armed)
        return;
    if (clock_now_ms() < s->status_not_before_ms) {
        ev_timer_at(s->ev, &s->status_timer, s->status_not_before_ms, on_status_timer, s);
        return;
    }
    s->calls.status(text, sizeof(text), s->data);
    make_one_line(text);
    if (strcmp(text, s->status) == 0)
        return;
    snprintf(s->status, sizeof(s->status), "%s", text);
    s->status_not_before_ms = clock_now_ms() + STATUS_INTERVAL_MS;
    /* systemd requires UTF-8 */
    CLEANUP(mem_freep) char *repaired = utf8_repair(text, strlen(text));
    CLEANUP(mem_freep) char *line = mem_printf("STATUS=%s", repaired);
    tell(s, line);
}

/* ---- watchdog and stop timeout ---- */

static void on_tick(void *data);

static void set_tick(struct service *s)
{
    int64_t interval_ms = s->watchdog_ms ? MAX(s->watchdog_ms / 2, (int64_t)1) : STOP_TICK_MS;
    if (s->is_stopping)
        interval_ms = MIN(interval_ms, (int64_t)STOP_TICK_MS);
    if (s->notify && (s->watchdog_ms || s->is_stopping))
        ev_timer_at(s->ev, &s->tick_timer, clock_now_ms() + interval_ms, on_tick, s);
}

static void on_tick(void *data)
{
    struct service *s = data;
    char lines[96];
    snprintf(lines, sizeof(lines), "%s%s", s->is_stopping ? STOP_EXTENSION : "",
             s->watchdog_ms ? "WATCHDOG=1" : "");
    if (s->calls.is_well(s->data))
        tell(s, lines);
    set_tick(s);
}

/* ---- public functions ---- */

static void on_ready(void *data)
{
    struct service *s = data;
    tell(s, "READY=1");
    service_changed(s);
}

struct service *service_new(struct ev *ev, const struct service_calls *calls, void *data)
{
    struct service *s = mem_alloc(sizeof(*s));
    *s = (struct service){.ev = ev,
                          .calls = *calls,
                          .data = data,
                          .notify = notify_new(),
                          .watchdog_ms = notify_take_watchdog_ms()};
    if (s->notify)
        ev_timer_at(ev, &s->ready_timer, clock_now_ms(), on_ready, s);
    set_tick(s);
    return s;
}

void service_free(struct service *s)
{
    if (!s)
        return;
    ev_timer_stop(s->ev, &s->ready_timer);
    ev_timer_stop(s->ev, &s->tick_timer);
    ev_timer_stop(s->ev, &s->status_timer);
    notify_free(s->notify);
    free(s);
}

void service_reloading(struct service *s)
{
    struct timespec now;
    char lines[96];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(s, lines);
}

void service_reloaded(struct service *s)
{
    tell(s, "READY=1");
}

void service_stopping(struct service *s)
{
    if (s->is_stopping)
        return;
    s->is_stopping = true;
    tell(s, "STOPPING=1");
    on_tick(s);
}
