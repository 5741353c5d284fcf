#pragma once

/*
 * Reports the state of the runner to the service manager (systemd): READY, STATUS, WATCHDOG,
 * STOPPING. Without a service manager all of it does nothing.
 *
 * A timer of the event loop feeds the watchdog at half of its interval, unless the loop hangs or
 * is_well() is false.
 *
 * While stopping, the runner extends the manager's timeout repeatedly, so that --drain-timeout
 * alone limits the time of a stop, whatever TimeoutStopSec= is.
 */

#include "base/ev.h"

#include <stdbool.h>
#include <stddef.h>

struct service;

struct service_calls {
    void (*status)(char *ret_text, size_t size, void *data); /* one line for the operator */
    /* the runner can work, or has a reason not to */
    bool (*is_well)(void *data);
    void (*on_trouble)(const char *message, void *data); /* a message could not be sent */
};

/* All borrowed except `calls`. Sends READY from the event loop. */
struct service *service_new(struct ev *ev, const struct service_calls *calls, void *data);
void service_free(struct service *service);

/* The status may have changed; it is sent at most once per second. */
void service_changed(struct service *service);

/* To be called before and after a reload. */
void service_reloading(struct service *service);
void service_reloaded(struct service *service);

void service_stopping(struct service *service);
