#include "runner/service/notify.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct notify {
    struct sockaddr_un address;
    socklen_t address_len;
    int fd;
};

/* $NOTIFY_SOCKET is a path, or '@' and the name of an abstract socket. */
static bool set_address(struct notify *n, const char *text)
{
    size_t len = strlen(text);
    if ((*text != '/' && *text != '@') || len < 2 || len >= sizeof(n->address.sun_path))
        return false;
    n->address.sun_family = AF_UNIX;
    memcpy(n->address.sun_path, text, len);
    if (*text == '@')
        n->address.sun_path[0] = '\0';
    n->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

struct notify *notify_new(void)
{
    static const struct timeval patience = {.tv_sec = 1};
    const char *text = getenv("NOTIFY_SOCKET");
    struct notify *n = mem_alloc(sizeof(*n));
    n->fd = -1;
    if (text && set_address(n, text))
        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsetenv("NOTIFY_SOCKET");
    if (n->fd < 0) {
        free(n);
        return NULL;
    }
    setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return n;
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    fd_close(n->fd);
    free(n);
}

int notify_send(const struct notify *n, const char *lines, struct err *err)
{
    const struct sockaddr *address = (const struct sockaddr *)&n->address;
    if (sendto(n->fd, lines, strlen(lines), MSG_NOSIGNAL, address, n->address_len) < 0)
        return err_errno(err, errno, "Cannot send a message to the service manager");
    return 0;
}

static int64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    errno = 0;
    int64_t number = text ? strtoll(text, &end, 10) : 0;
    bool is_number = text && end != text && !*end && errno == 0 && number > 0;
    unsetenv(name);
    return is_number ? number : 0;
}

int64_t notify_take_watchdog_ms(void)
{
    int64_t usec = number_of("WATCHDOG_USEC");
    int64_t pid = number_of("WATCHDOG_PID"); /* 0: for any process */
    return pid && pid != getpid() ? 0 : (usec + 999) / 1000;
}
