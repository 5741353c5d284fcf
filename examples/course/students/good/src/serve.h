/* The server: answers questions on stdin until its end or SIGTERM. */

#ifndef SERVE_H
#define SERVE_H

#include "config.h"

/* Each line read is a file's name, and its counts are the answer.
 * Returns 0, or -1 after a message on stderr. */
int serve(const struct config *config);

#endif
