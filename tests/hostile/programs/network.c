/* Attacks over sockets: on the backend, the Internet, other tasks and services of the host. */

#include "hostile.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Returns true if a connection is established within a second. */
static long connects(int family, int type, const void *address, socklen_t len)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int r = connect(fd, address, len);
    if (r < 0 && errno == EINPROGRESS) {
        struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
        int error = ETIMEDOUT;
        socklen_t size = sizeof(error);
        if (poll(&pollfd, 1, 1000) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        r = error ? -1 : 0;
    }
    if (r == 0 && type == SOCK_DGRAM)
        r = (int)send(fd, "x", 1, 0);
    close(fd);
    return r;
}

static long connects_to(const char *ip, int port, int type)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        return connects(AF_INET, type, &v4, sizeof(v4));
    return inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1 ? connects(AF_INET6, type, &v6, sizeof(v6)) : -1;
}

static int backend(char **words)
{
    (void)words;
    int port = atoi(host_knows("port"));
    if (port <= 0)
        return 2;
    DENIED(connects_to("127.0.0.1", port, SOCK_STREAM));
    DENIED(connects_to("127.0.0.2", port, SOCK_STREAM));
    DENIED(connects_to("::1", port, SOCK_STREAM));
    DENIED(connects_to("::ffff:127.0.0.1", port, SOCK_STREAM));
    return 0;
}

/* Addresses for documentation (RFC 5737, 3849), and the metadata address of clouds. */
static int outside(char **words)
{
    (void)words;
    static const char *const addresses[] = {"192.0.2.1", "198.51.100.1", "169.254.169.254", "2001:db8::1",
                                            "255.255.255.255"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        denied(addresses[i], connects_to(addresses[i], 80, SOCK_STREAM));
        denied(addresses[i], connects_to(addresses[i], 53, SOCK_DGRAM));
    }
    DENIED(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
    DENIED(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    DENIED(socket(AF_VSOCK, SOCK_STREAM, 0));
    DENIED(socket(AF_VSOCK, SOCK_DGRAM, 0));
    struct ifaddrs *interfaces = NULL;
    getifaddrs(&interfaces);
    for (struct ifaddrs *i = interfaces; i; i = i->ifa_next)
        if (strcmp(i->ifa_name, "lo") != 0)
            reached("the interface %s", i->ifa_name);
    freeifaddrs(interfaces);
    return 0;
}

static long connects_to_name(const char *name, bool abstract, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    if (!len || len + abstract >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path + abstract, name, len);
    return connects(AF_UNIX, type, &address,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + len));
}

static int try_socket(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type == FTW_F && S_ISSOCK(st->st_mode))
        reached("the socket %s (connect: %ld)", path, connects_to_name(path, false, SOCK_STREAM));
    return FTW_CONTINUE;
}

static int local(char **words)
{
    (void)words;
    DENIED(connects_to_name(host_knows("abstract"), true, SOCK_STREAM));
    DENIED(connects_to_name(host_knows("socket"), false, SOCK_STREAM));
    static const char *const dirs[] = {"/run", "/var", "/tmp", "/dev", "/box", "/etc", "/home", "/opt"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        nftw(dirs[i], try_socket, 16, FTW_PHYS | FTW_ACTIONRETVAL);
    return 0;
}

/* Students write servers, so their own loopback interface must work. */
static int loopback(char **words)
{
    (void)words;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ALLOWED(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    ALLOWED(listen(fd, 1));
    ALLOWED(getsockname(fd, (struct sockaddr *)&address, &len));
    ALLOWED(connects_to("127.0.0.1", ntohs(address.sin_port), SOCK_STREAM));
    return 0;
}

MODES({"backend", backend}, {"outside", outside}, {"local", local}, {"loopback", loopback})
