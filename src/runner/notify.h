#pragma once

/* Messages to the service manager that started us, see sd_notify(3): our own few lines instead of libsystemd.
 */

#include "base/err.h"

#include <stdint.h>

struct notify;

/*
 * For $NOTIFY_SOCKET, which is removed from the environment: no child of ours is to speak for us. NULL where
 * nobody listens.
 */
struct notify *notify_new(void);
void notify_free(struct notify *notify);

/* Sends lines "NAME=value"; waits at most a second for a manager that is busy. */
int notify_send(const struct notify *notify, const char *lines, struct err *err);

/* How often "WATCHDOG=1" is expected ($WATCHDOG_USEC, removed too); 0: not at all. */
int64_t notify_take_watchdog_ms(void);
