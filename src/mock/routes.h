#pragma once

/* The table of routes: methods, paths and handlers. */

#include "base/buf.h"
#include "mock/answer.h"
#include "mock/mock.h"

#include <microhttpd.h>

#define ROUTE_CONTROL    (-1) /* under /mock/: no faults, not counted */
#define ROUTE_ALLOW_SIZE 24

struct request {
    struct MHD_Connection *connection; /* not owned; for headers and arguments */
    const char *rest;                  /* rest of the path, or ""; valid during the call */
    struct buf body;
};

/* Handles a request. Takes the lock as needed. */
typedef void route_fn(struct mock *mock, const struct request *request, struct answer *ret_answer);

struct route {
    const char *method;
    const char *path;
    route_fn *fn;
    int where;     /* an enum fault_where, or ROUTE_CONTROL */
    bool has_rest; /* the path is followed by "/" and more */
};

/*
 * Finds the route and the rest of the path. Returns MHD_HTTP_OK, or a status for the refusal: 404,
 * or 405 with a route of the same path and, in `ret_allow` (ROUTE_ALLOW_SIZE), the methods for the
 * Allow header.
 */
unsigned route_find(const struct mock *mock, const char *method, const char *path, struct route *ret_route,
                    const char **ret_rest, char *ret_allow);
