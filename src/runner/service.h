#pragma once

/*
 * What a service manager (systemd) sees of the runner: when it is ready, what it does (STATUS), that it lives
 * (the watchdog), that it stops. Where nobody listens, nothing happens.
 *
 * The watchdog is fed by a timer of the event loop, at half of its time: a loop that hangs feeds nothing, nor
 * does one whose owner says that no work can be done any more.
 *
 * While it stops it asks for more time, again and again as long as the loop turns: so --drain-timeout is the
 * one number that says how long a stop may take, whatever TimeoutStopSec= is.
 */

#include "base/ev.h"

#include <stdbool.h>
#include <stddef.h>

struct service;

struct service_calls {
    void (*status)(char *ret_text, size_t size, void *data); /* one line for a person */
    bool (*is_well)(void *data);                             /* tasks are taken, or for a reason not */
    void (*on_trouble)(const char *message, void *data);     /* the manager could not be told */
};

/* All borrowed but `calls`. Says "ready" when the loop turns. */
struct service *service_new(struct ev *ev, const struct service_calls *calls, void *data);
void service_free(struct service *service);

/* The status may be another one now; it is told at most once a second. Safe at any time. */
void service_changed(struct service *service);

/* Around what SIGHUP asks for. */
void service_reloading(struct service *service);
void service_reloaded(struct service *service);

void service_stopping(struct service *service);
