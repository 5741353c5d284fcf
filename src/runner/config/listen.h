#pragma once

/* The address of --http: "[ADDRESS:]PORT", with an IPv6 address in brackets. Default: 127.0.0.1. */

#include "base/err.h"

#include <stdbool.h>
#include <sys/socket.h>

struct listen_address {
    struct sockaddr_storage sockaddr;
    socklen_t len;
};

/* Returns -EINVAL if the text is not an address. Of host names, only "localhost" is accepted. */
int listen_parse(const char *text, struct listen_address *ret_address);

/* Of type opt_check_fn. */
const char *listen_check(const char *text);

/* Returns true if only this machine can reach the address. */
bool listen_is_loopback(const struct listen_address *address);

/*
 * Opens a non-blocking listening socket; a port 0 in `address` is replaced by the one that the
 * kernel chose.
 */
int listen_open(struct listen_address *address, int *ret_fd, struct err *err);

/* Returns "127.0.0.1:8080" or "[::1]:8080"; the caller frees. */
char *listen_text(const struct listen_address *address);
