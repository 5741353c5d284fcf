#include "runner/service/notify.h"

#include "test.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ABSTRACT "test-notify"

static char dir[64];
static char path[96];

/* A manager that listens at `path`, or at an abstract name where `name` begins with a NUL. */
static int listen_at(const char *name, size_t len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, name, len);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) ==
          0);
    return fd;
}

static int listen_at_path(void)
{
    snprintf(dir, sizeof(dir), "/tmp/test-notify.XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/socket", dir);
    return listen_at(path, strlen(path));
}

static void end_listening(int fd)
{
    close(fd);
    unlink(path);
    rmdir(dir);
}

static const char *receive(int fd)
{
    static char text[256];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void without_a_manager_there_is_nobody_to_tell(void)
{
    unsetenv("NOTIFY_SOCKET");
    CHECK(notify_new() == NULL);
}

static void a_manager_at_a_path_is_told(void)
{
    int fd = listen_at_path();
    setenv("NOTIFY_SOCKET", path, 1);
    struct notify *n = notify_new();
    CHECK(n != NULL);
    CHECK(getenv("NOTIFY_SOCKET") == NULL);
    CHECK_INT(notify_send(n, "READY=1", NULL), 0);
    CHECK_STR(receive(fd), "READY=1");
    notify_free(n);
    end_listening(fd);
}

static void a_manager_at_an_abstract_name_is_told(void)
{
    char text[64];
    snprintf(text, sizeof(text), "@" ABSTRACT "-%d", (int)getpid());
    char name[64];
    memcpy(name, text, sizeof(name));
    name[0] = '\0';
    int fd = listen_at(name, strlen(text));
    setenv("NOTIFY_SOCKET", text, 1);
    struct notify *n = notify_new();
    CHECK(n != NULL);
    CHECK_INT(notify_send(n, "READY=1", NULL), 0);
    CHECK_STR(receive(fd), "READY=1");
    notify_free(n);
    close(fd);
}

static void a_manager_that_is_gone_is_an_error(void)
{
    struct err err = {0};
    int fd = listen_at_path();
    setenv("NOTIFY_SOCKET", path, 1);
    struct notify *n = notify_new();
    end_listening(fd);
    CHECK_INT(notify_send(n, "READY=1", &err), -ENOENT);
    CHECK_CONTAINS(err.message, "service manager");
    notify_free(n);
}

static void odd_addresses_are_nobody(void)
{
    char long_path[200];
    memset(long_path, 'x', sizeof(long_path));
    long_path[0] = '/';
    long_path[sizeof(long_path) - 1] = '\0';
    const char *const odd[] = {"", "/", "@", "relative", "vsock:2:1234", long_path};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        setenv("NOTIFY_SOCKET", odd[i], 1);
        CHECK(notify_new() == NULL);
    }
}

static int64_t watchdog(const char *usec, const char *pid)
{
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid)
        setenv("WATCHDOG_PID", pid, 1);
    int64_t ms = notify_take_watchdog_ms();
    CHECK(!getenv("WATCHDOG_USEC") && !getenv("WATCHDOG_PID"));
    return ms;
}

static void the_watchdog_is_read_and_forgotten(void)
{
    char own[32];
    snprintf(own, sizeof(own), "%d", (int)getpid());
    unsetenv("WATCHDOG_USEC");
    CHECK_INT(notify_take_watchdog_ms(), 0);
    CHECK_INT(watchdog("30000000", NULL), 30000);
    CHECK_INT(watchdog("30000000", own), 30000);
    CHECK_INT(watchdog("1", NULL), 1);
    CHECK_INT(watchdog("30000000", "1"), 0);
    CHECK_INT(watchdog("30 s", NULL), 0);
    CHECK_INT(watchdog("", NULL), 0);
    CHECK_INT(watchdog("-5", NULL), 0);
    CHECK_INT(watchdog("99999999999999999999", NULL), 0);
}

TEST_MAIN(TEST(without_a_manager_there_is_nobody_to_tell), TEST(a_manager_at_a_path_is_told),
          TEST(a_manager_at_an_abstract_name_is_told), TEST(a_manager_that_is_gone_is_an_error),
          TEST(odd_addresses_are_nobody), TEST(the_watchdog_is_read_and_forgotten))
