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
    const char *rest; /* of the path, behind a route that takes more; valid during the call */
    struct buf body;
};

/* Does what was asked for, and takes the lock as long as it needs it. */
typedef void route_fn(struct mock *mock, const struct request *request, struct answer *ret_answer);

struct route {
    const char *method;
    const char *path;
    route_fn *fn;
    int where;     /* an enum fault_where, or ROUTE_CONTROL */
    bool has_rest; /* "/" and more follow the path */
};

/*
 * MHD_HTTP_OK, the route, and in `ret_rest` what follows its path; or the status of the refusal: 404, or 405
 * with a route of the same path, and in `ret_allow` (ROUTE_ALLOW_SIZE) the methods as the Allow header has
 * them.
 */
unsigned route_find(const struct mock *mock, const char *method, const char *path, struct route *ret_route,
                    const char **ret_rest, char *ret_allow);
