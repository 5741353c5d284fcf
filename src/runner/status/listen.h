#pragma once

/* The address of --http: "[ADDRESS:]PORT", an IPv6 address in brackets; without one it is 127.0.0.1. */

#include "base/err.h"

#include <stdbool.h>
#include <sys/socket.h>

struct listen_address {
    struct sockaddr_storage sockaddr;
    socklen_t len;
};

/* -EINVAL where the text is none. Names are not looked up, but for "localhost". */
int listen_parse(const char *text, struct listen_address *ret_address);

/* What is accepted instead, or NULL: for the table of options. */
const char *listen_check(const char *text);

/* Only this machine can reach it. */
bool listen_is_loopback(const struct listen_address *address);

/* A listening socket that does not block; port 0 becomes the one that the kernel chose. */
int listen_open(struct listen_address *address, int *ret_fd, struct err *err);

/* "127.0.0.1:8080", "[::1]:8080"; the caller frees. */
char *listen_text(const struct listen_address *address);
