#include "runner/config/listen.h"

#include "base/fd.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 64
/*
 * Send buffer of a connection. The default may be megabytes of outdated events for a slow client.
 */
#define SEND_BUFFER_BYTES 65536

static int parse_port(const char *text, in_port_t *ret_port)
{
    size_t len = strlen(text);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len || strtol(text, NULL, 10) > 65535)
        return -EINVAL;
    *ret_port = htons((uint16_t)strtol(text, NULL, 10));
    return 0;
}

static int parse_ipv4(const char *host, in_port_t port, struct listen_address *ret)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};
    if (!*host || strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
        return -EINVAL;
    *ret = (struct listen_address){.len = sizeof(in)};
    memcpy(&ret->sockaddr, &in, sizeof(in));
    return 0;
}

static int parse_ipv6(const char *host, in_port_t port, struct listen_address *ret)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = port};
    size_t len = strlen(host);
    CLEANUP(mem_freep) char *bare = len > 2 && host[len - 1] == ']' ? mem_strndup(host + 1, len - 2) : NULL;
    if (!bare || inet_pton(AF_INET6, bare, &in.sin6_addr) != 1)
        return -EINVAL;
    *ret = (struct listen_address){.len = sizeof(in)};
    memcpy(&ret->sockaddr, &in, sizeof(in));
    return 0;
}

int listen_parse(const char *text, struct listen_address *ret_address)
{
    const char *colon = strrchr(text, ':');
    CLEANUP(mem_freep) char *host = mem_strndup(text, colon ? (size_t)(colon - text) : 0);
    in_port_t port;
    if (parse_port(colon ? colon + 1 : text, &port) < 0)
        return -EINVAL;
    return *host == '[' ? parse_ipv6(host, port, ret_address) : parse_ipv4(host, port, ret_address);
}

const char *listen_check(const char *text)
{
    struct listen_address address;
    return !*text || listen_parse(text, &address) == 0
               ? NULL
               : "a port, or ADDRESS:PORT with an IPv4 address or an IPv6 address in brackets";
}

bool listen_is_loopback(const struct listen_address *address)
{
    if (address->sockaddr.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)&address->sockaddr;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in = (const void *)&address->sockaddr;
    const uint8_t *bytes = in->sin6_addr.s6_addr;
    return IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) || (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) && bytes[12] == 127);
}

/* SO_REUSEADDR allows a restart on the same port at once. */
int listen_open(struct listen_address *address, int *ret_fd, struct err *err)
{
    int one = 1, buffer_bytes = SEND_BUFFER_BYTES;
    struct sockaddr *sa = (struct sockaddr *)&address->sockaddr;
    CLEANUP(fd_closep) int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        /* inherited */
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes)) < 0 ||
        bind(fd, sa, address->len) < 0 || listen(fd, BACKLOG) < 0 || getsockname(fd, sa, &address->len) < 0) {
        CLEANUP(mem_freep) char *text = listen_text(address);
        return err_errno(err, errno, "Cannot listen on %s (--http)", text);
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

char *listen_text(const struct listen_address *address)
{
    int e = errno;
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *in = (const void *)&address->sockaddr;
    const struct sockaddr_in6 *in6 = (const void *)&address->sockaddr;
    bool is_ipv6 = address->sockaddr.ss_family == AF_INET6;
    inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, is_ipv6 ? (const void *)&in6->sin6_addr : &in->sin_addr, host,
              sizeof(host));
    char *text = mem_printf(is_ipv6 ? "[%s]:%u" : "%s:%u", host,
                            (unsigned)ntohs(is_ipv6 ? in6->sin6_port : in->sin_port));
    errno = e;
    return text;
}
