#pragma once

/*
 * The HTTP server of the status page: libmicrohttpd inside the runner's own event loop. Everything has a
 * limit: connections, bytes of a request's head, time to send it, pages that are open; bodies are not read.
 */

#include "base/err.h"
#include "base/ev.h"
#include "runner/status/route.h"

#include <stddef.h>

struct web;

struct web_settings {
    struct ev *ev;          /* borrowed, as all that is a pointer */
    struct route_site site; /* its address as it was asked for; the stream's daemon is this one */
    size_t kept_back_fds;   /* file descriptors that are not for connections */
};

/* Listens. Class environment where it cannot, or where there are not enough file descriptors. */
int web_open(const struct web_settings *settings, struct web **ret_web, struct err *err);
void web_close(struct web *web);

/* Where it listens. */
const struct listen_address *web_address(const struct web *web);

/* Something was published: sends what can be sent. */
void web_run(struct web *web);
