#include "runner/config/listen.h"

#include "base/fd.h"
#include "base/mem.h"
#include "test.h"

static void check(const char *text, const char *want, bool is_loopback)
{
    struct listen_address address;
    CHECK_INT(listen_parse(text, &address), 0);
    CLEANUP(mem_freep) char *got = listen_text(&address);
    CHECK_STR(got, want);
    CHECK_INT(listen_is_loopback(&address), is_loopback);
    CHECK(!listen_check(text));
}

static void a_port_alone_is_for_this_machine(void)
{
    check("8080", "127.0.0.1:8080", true);
    check(":8080", "127.0.0.1:8080", true);
    check("0", "127.0.0.1:0", true);
    check("localhost:65535", "127.0.0.1:65535", true);
}

static void addresses_are_taken_as_they_are(void)
{
    check("127.0.0.2:1", "127.0.0.2:1", true);
    check("0.0.0.0:80", "0.0.0.0:80", false);
    check("192.0.2.7:80", "192.0.2.7:80", false);
    check("[::1]:80", "[::1]:80", true);
    check("[::]:80", "[::]:80", false);
    check("[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", true);
    check("[::ffff:192.0.2.7]:80", "[::ffff:192.0.2.7]:80", false);
    check("[2001:db8::1]:80", "[2001:db8::1]:80", false);
}

static void what_is_none_is_refused(void)
{
    static const char *const texts[] = {
        ":",     "x",       "65536", "-1",     "+1",       "1x",       "host:80",     "::1:80",
        "[::1]", "[::1:80", "[]:80", "[x]:80", "127.1:80", "1.2.3.4:", "1.2.3.4:80 ", "[127.0.0.1]:80",
        "000080"};
    struct listen_address address;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (listen_parse(texts[i], &address) == 0)
            TEST_FAIL("'%s' was taken", texts[i]);
        CHECK_CONTAINS(listen_check(texts[i]), "ADDRESS:PORT");
    }
    CHECK(!listen_check("")); /* no page */
}

static void port_0_becomes_a_free_one_and_is_then_taken(void)
{
    struct listen_address first, second;
    struct err err = {0};
    int fd, other = -1;
    CHECK_INT(listen_parse("0", &first), 0);
    CHECK_INT(listen_open(&first, &fd, &err), 0);
    CLEANUP(mem_freep) char *text = listen_text(&first);
    CHECK(strcmp(text, "127.0.0.1:0") != 0);
    CHECK_INT(listen_parse(text, &second), 0);
    CHECK(listen_open(&second, &other, &err) < 0);
    CHECK_INT(other, -1);
    CHECK_CONTAINS(err.message, text);
    CHECK_CONTAINS(err.message, "--http");
    fd_close(fd);
}

static void a_connection_keeps_little_for_a_slow_reader(void)
{
    struct listen_address address;
    int fd, size;
    socklen_t len = sizeof(size);
    CHECK_INT(listen_parse("0", &address), 0);
    CHECK_INT(listen_open(&address, &fd, NULL), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(client, (struct sockaddr *)&address.sockaddr, address.len), 0);
    int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    CHECK_INT(getsockopt(accepted, SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
    CHECK(size <= 128 << 10);
    fd_close(accepted);
    fd_close(client);
    fd_close(fd);
}

TEST_MAIN(TEST(a_port_alone_is_for_this_machine), TEST(addresses_are_taken_as_they_are),
          TEST(what_is_none_is_refused), TEST(port_0_becomes_a_free_one_and_is_then_taken),
          TEST(a_connection_keeps_little_for_a_slow_reader))
