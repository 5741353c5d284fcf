#pragma once

/* The HTTP server: from a connection to a route and back, with the faults in between. */

#include "base/err.h"
#include "mock/mock.h"

#include <stdint.h>

struct server;

/* Listens on 127.0.0.1; port 0: any free one. `mock` is not owned and must outlive the server. */
int server_start(struct mock *mock, uint16_t port, struct server **ret_server, uint16_t *ret_port,
                 struct err *err);

/* Ends all connections and threads, and frees the server. */
void server_stop(struct server *server);
