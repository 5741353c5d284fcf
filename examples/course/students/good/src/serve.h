/* The server: answers requests from stdin until end of input or SIGTERM. */

#ifndef SERVE_H
#define SERVE_H

#include "config.h"

/* Each request is a line with a file name; the response is its counts.
 * Returns 0, or -1 after a message on stderr. */
int serve(const struct config *config);

#endif
