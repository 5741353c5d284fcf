#pragma once

/*
 * Messages to the service manager, see sd_notify(3). The protocol is too small to need libsystemd.
 */

#include "base/err.h"

#include <stdint.h>

struct notify;

/*
 * Connects to $NOTIFY_SOCKET and removes it from the environment, so that children cannot use it.
 * Returns NULL if it is unset.
 */
struct notify *notify_new(void);
void notify_free(struct notify *notify);

/* Sends lines of the form "NAME=value". Waits at most a second for a busy manager. */
int notify_send(const struct notify *notify, const char *lines, struct err *err);

/*
 * Returns the interval of "WATCHDOG=1" from $WATCHDOG_USEC, which is removed too; 0: no watchdog.
 */
int64_t notify_take_watchdog_ms(void);
