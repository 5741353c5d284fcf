#pragma once

/*
 * The HTTP server of the status page: libmicrohttpd, driven by the runner's event loop.
 * Connections, the size of a request's head, the time to send it and the number of open pages are
 * limited; bodies are discarded.
 */

#include "base/err.h"
#include "base/ev.h"
#include "runner/status/route.h"

#include <stddef.h>

struct web;

struct web_settings {
    struct ev *ev;          /* borrowed, like all pointers here */
    struct route_site site; /* its address is that of --http */
    size_t kept_back_fds;   /* file descriptors not available for connections */
};

/*
 * Starts to listen. Fails with ERR_ENVIRONMENT if it cannot, or if there are too few file
 * descriptors.
 */
int web_open(const struct web_settings *settings, struct web **ret_web, struct err *err);
void web_close(struct web *web);

/* Returns the address that it listens on. */
const struct listen_address *web_address(const struct web *web);

/* Sends what has been published. */
void web_run(struct web *web);
