#include "runner/backend/http.h"

#include "base/clock.h"
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOTAL_LIMIT_MS 300000

/* Listens, and never answers. */
static int open_silent_server(char *ret_url, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 1) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    snprintf(ret_url, size, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    return fd;
}

static void on_answer(const struct http_answer *answer, void *data)
{
}

static void a_request_past_its_limit_is_overdue(void)
{
    char url[64];
    struct http *http;
    int fd = open_silent_server(url, sizeof(url));
    clock_test_freeze(1000);
    CHECK_INT(http_new("here", NULL, &http, NULL), 0);
    CHECK(!http_is_overdue(http));
    http_start(http, &(struct http_request){.url = url, .body_fd = -1}, on_answer, NULL);
    clock_test_freeze(1000 + TOTAL_LIMIT_MS);
    CHECK(!http_is_overdue(http));
    clock_test_freeze(1000 + TOTAL_LIMIT_MS + 60001);
    CHECK(http_is_overdue(http));
    http_free(http);
    clock_test_freeze(-1);
    close(fd);
}

TEST_MAIN(TEST(a_request_past_its_limit_is_overdue))
