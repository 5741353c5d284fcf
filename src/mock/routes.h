#pragma once

/* What can be asked for: one table of methods, paths and what they do. */

#include "base/buf.h"
#include "mock/answer.h"
#include "mock/mock.h"

#include <microhttpd.h>

#define ROUTE_CONTROL    (-1) /* under /mock/: no faults, not counted */
#define ROUTE_ALLOW_SIZE 24

struct request {
    struct MHD_Connection *connection; /* not owned; for headers and arguments */
    struct buf body;
};

/* Does what was asked for, and takes the lock as long as it needs it. */
typedef void route_fn(struct mock *mock, const struct request *request, struct answer *ret_answer);

struct route {
    const char *method;
    const char *path;
    route_fn *fn;
    int where; /* an enum fault_where, or ROUTE_CONTROL */
};

/*
 * MHD_HTTP_OK and the route; or the status of the refusal: 404, or 405 with a route of the same
 * path, and in `ret_allow` (ROUTE_ALLOW_SIZE) the methods as the Allow header has them.
 */
unsigned route_find(const struct mock *mock, const char *method, const char *path, struct route *ret_route,
                    char *ret_allow);
