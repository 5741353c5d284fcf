#include "runner/service/service.h"

#include "base/clock.h"
#include "test.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A service manager, the clock that stands still, and an owner that says what the test wants. */
static int manager = -1;
static struct ev *ev;
static struct service *service;
static const char *status;
static bool well;
static int troubles;

static void on_status(char *ret_text, size_t size, void *data)
{
    snprintf(ret_text, size, "%s", status);
}

static bool is_well(void *data)
{
    return well;
}

static void on_trouble(const char *message, void *data)
{
    troubles++;
}

static void open_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int len = snprintf(name, sizeof(name), "@test-service-%d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
    manager = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(manager, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)) == 0);
}

static void start(const char *watchdog_usec)
{
    static const struct service_calls calls = {on_status, is_well, on_trouble};
    clock_test_freeze(100000);
    status = "idle";
    well = true;
    troubles = 0;
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", watchdog_usec, 1);
    open_manager();
    ev = ev_new();
    service = service_new(ev, &calls, NULL);
}

static void end(void)
{
    service_free(service);
    ev_free(ev);
    if (manager >= 0)
        close(manager);
    manager = -1;
    clock_test_freeze(-1);
}

static void turn_at(int64_t ms)
{
    clock_test_freeze(ms);
    ev_dispatch(ev);
}

/* The next message; "" where there is none. */
static const char *told(void)
{
    static char text[2048];
    ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void get_ready(void)
{
    ev_dispatch(ev);
    CHECK_STR(told(), "READY=1");
    CHECK_STR(told(), "STATUS=idle");
    CHECK_STR(told(), "");
}

static void it_is_ready_when_the_loop_turns(void)
{
    start("0");
    CHECK_STR(told(), "");
    get_ready();
    CHECK_INT(ev_next_deadline_ms(ev), CLOCK_NEVER);
    end();
}

static void a_status_is_told_once_and_once_a_second(void)
{
    start("0");
    get_ready();
    service_changed(service);
    turn_at(101000);
    CHECK_STR(told(), "");
    status = "busy";
    service_changed(service);
    CHECK_STR(told(), "STATUS=busy");
    status = "busier";
    service_changed(service);
    service_changed(service);
    CHECK_STR(told(), "");
    status = "busiest";
    turn_at(101999);
    CHECK_STR(told(), "");
    turn_at(102000);
    CHECK_STR(told(), "STATUS=busiest");
    CHECK_STR(told(), "");
    end();
}

static void a_status_is_one_line_of_utf8(void)
{
    start("0");
    get_ready();
    turn_at(102000);
    status = "a\nWATCHDOG=1\x7f\xff";
    service_changed(service);
    CHECK_STR(told(), "STATUS=a WATCHDOG=1 \xef\xbf\xbd");
    end();
}

static void the_watchdog_is_fed_at_half_of_its_time(void)
{
    start("10000000");
    get_ready();
    CHECK_INT(ev_next_deadline_ms(ev), 105000);
    turn_at(104999);
    CHECK_STR(told(), "");
    turn_at(105000);
    CHECK_STR(told(), "WATCHDOG=1");
    CHECK_INT(ev_next_deadline_ms(ev), 110000);
    end();
}

static void the_watchdog_is_not_fed_while_no_work_can_be_done(void)
{
    start("10000000");
    get_ready();
    well = false;
    turn_at(105000);
    CHECK_STR(told(), "");
    well = true;
    turn_at(110000);
    CHECK_STR(told(), "WATCHDOG=1");
    end();
}

static void while_stopping_it_asks_for_time_again_and_again(void)
{
    start("0");
    get_ready();
    service_stopping(service);
    CHECK_STR(told(), "STOPPING=1");
    CHECK_CONTAINS(told(), "EXTEND_TIMEOUT_USEC=60000000\n");
    service_stopping(service);
    CHECK_STR(told(), "");
    turn_at(110000);
    CHECK_STR(told(), "EXTEND_TIMEOUT_USEC=60000000\n");
    well = false;
    turn_at(120000);
    CHECK_STR(told(), "");
    end();
}

static void a_reload_has_a_beginning_and_an_end(void)
{
    start("0");
    get_ready();
    service_reloading(service);
    CHECK_CONTAINS(told(), "RELOADING=1\nMONOTONIC_USEC=");
    service_reloaded(service);
    CHECK_STR(told(), "READY=1");
    end();
}

static void a_manager_that_does_not_listen_is_trouble_only(void)
{
    start("0");
    close(manager);
    manager = -1;
    ev_dispatch(ev);
    CHECK_INT(troubles, 2);
    end();
}

static void without_a_manager_nothing_happens(void)
{
    static const struct service_calls calls = {on_status, is_well, on_trouble};
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "10000000", 1);
    ev = ev_new();
    service = service_new(ev, &calls, NULL);
    service_changed(service);
    service_reloading(service);
    service_reloaded(service);
    service_stopping(service);
    CHECK_INT(ev_next_deadline_ms(ev), CLOCK_NEVER);
    end();
}

TEST_MAIN(TEST(it_is_ready_when_the_loop_turns), TEST(a_status_is_told_once_and_once_a_second),
          TEST(a_status_is_one_line_of_utf8), TEST(the_watchdog_is_fed_at_half_of_its_time),
          TEST(the_watchdog_is_not_fed_while_no_work_can_be_done),
          TEST(while_stopping_it_asks_for_time_again_and_again), TEST(a_reload_has_a_beginning_and_an_end),
          TEST(a_manager_that_does_not_listen_is_trouble_only), TEST(without_a_manager_nothing_happens))
