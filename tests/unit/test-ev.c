#include "base/ev.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The loop under test, and what has happened in it: one letter an event. */
static struct ev *ev;
static char happened[256];

static void note(char c)
{
    size_t len = strlen(happened);
    if (len < sizeof(happened) - 1)
        happened[len] = c;
}

static void start(void)
{
    struct err e = {0};
    memset(happened, 0, sizeof(happened));
    clock_test_freeze(1000);
    if (ev_new(&ev, &e) < 0)
        TEST_FAIL("%s", e.message);
}

static void end(void)
{
    ev_free(ev);
    clock_test_freeze(-1);
}

/* A pipe, whose reading end is watched. */
struct channel {
    struct ev_source source;
    int reading, writing;
    char letter;
    struct channel *also_remove; /* by the callback */
    uint32_t events;             /* that the callback got last */
};

static void on_ready(uint32_t events, void *data)
{
    struct channel *c = data;
    note(c->letter);
    c->events = events;
    char byte;
    if (events & EPOLLIN)
        CHECK_INT(read(c->reading, &byte, 1), 1);
    if (c->also_remove)
        ev_remove_fd(ev, &c->also_remove->source);
}

static void channel_open(struct channel *c, char letter)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        TEST_FAIL("pipe2: %s", strerror(errno));
    *c = (struct channel){.reading = ends[0], .writing = ends[1], .letter = letter};
    CHECK_INT(ev_add_fd(ev, &c->source, c->reading, on_ready, c, NULL), 0);
}

static void channel_close(struct channel *c)
{
    ev_remove_fd(ev, &c->source);
    fd_close(c->reading);
    fd_close(c->writing);
}

static void make_ready(struct channel *c)
{
    CHECK_INT(fd_write_all(c->writing, "x", 1), 0);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static void the_loop_has_a_descriptor_that_is_close_on_exec(void)
{
    start();
    CHECK(fcntl(ev_fd(ev), F_GETFD) == FD_CLOEXEC);
    end();
}

static void free_closes_the_descriptor(void)
{
    start();
    int fd = ev_fd(ev);
    end();
    CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
    ev_free(NULL);
}

static void dispatch_of_nothing_returns(void)
{
    start();
    ev_dispatch(ev);
    CHECK_INT(ev_next_deadline_ms(ev), CLOCK_NEVER);
    end();
}

static void a_readable_source_is_called_with_its_data(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    ev_dispatch(ev);
    CHECK_STR(happened, "");
    make_ready(&c);
    ev_dispatch(ev);
    CHECK_STR(happened, "a");
    CHECK_INT(c.events, EPOLLIN);
    ev_dispatch(ev);
    CHECK_STR(happened, "a");
    channel_close(&c);
    end();
}

static void what_is_not_read_is_told_again(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    make_ready(&c);
    make_ready(&c);
    ev_dispatch(ev); /* reads one of two */
    ev_dispatch(ev);
    CHECK_STR(happened, "aa");
    channel_close(&c);
    end();
}

static void the_end_of_a_stream_is_told(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    c.writing = fd_close(c.writing);
    ev_dispatch(ev);
    CHECK_STR(happened, "a");
    CHECK(c.events & EPOLLHUP);
    channel_close(&c);
    end();
}

static void the_loops_descriptor_is_readable_while_a_source_is(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    CHECK(!is_readable(ev_fd(ev)));
    make_ready(&c);
    CHECK(is_readable(ev_fd(ev)));
    ev_dispatch(ev);
    CHECK(!is_readable(ev_fd(ev)));
    channel_close(&c);
    end();
}

static void all_ready_sources_are_called(void)
{
    start();
    struct channel c[3];
    for (int i = 0; i < 3; i++) {
        channel_open(&c[i], (char)('a' + i));
        make_ready(&c[i]);
    }
    ev_dispatch(ev);
    CHECK_INT(strlen(happened), 3);
    CHECK(strchr(happened, 'a') && strchr(happened, 'b') && strchr(happened, 'c'));
    for (int i = 0; i < 3; i++)
        channel_close(&c[i]);
    end();
}

static void more_sources_than_fit_into_one_wait_get_their_turn(void)
{
    enum { N = 100 };
    start();
    static struct channel c[N];
    for (int i = 0; i < N; i++) {
        channel_open(&c[i], 'x');
        make_ready(&c[i]);
    }
    for (int round = 0; round < N && is_readable(ev_fd(ev)); round++)
        ev_dispatch(ev);
    CHECK_INT(strlen(happened), N);
    for (int i = 0; i < N; i++)
        channel_close(&c[i]);
    end();
}

/* A full batch must come round to all even if nothing is read in between. */
static void no_source_starves(void)
{
    enum { N = 80 };
    start();
    static struct channel c[N];
    for (int i = 0; i < N; i++) {
        channel_open(&c[i], 'x');
        c[i].writing = fd_close(c[i].writing); /* is ready for ever */
    }
    for (int round = 0; round < 3; round++)
        ev_dispatch(ev);
    for (int i = 0; i < N; i++)
        CHECK(c[i].events & EPOLLHUP);
    for (int i = 0; i < N; i++)
        channel_close(&c[i]);
    end();
}

static void a_removed_source_is_called_no_more(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    CHECK(c.source.active);
    make_ready(&c);
    ev_remove_fd(ev, &c.source);
    CHECK(!c.source.active);
    ev_remove_fd(ev, &c.source);
    ev_dispatch(ev);
    CHECK_STR(happened, "");
    CHECK(!is_readable(ev_fd(ev)));
    channel_close(&c);
    end();
}

static void a_removed_source_can_be_added_again(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    ev_remove_fd(ev, &c.source);
    CHECK_INT(ev_add_fd(ev, &c.source, c.reading, on_ready, &c, NULL), 0);
    make_ready(&c);
    ev_dispatch(ev);
    CHECK_STR(happened, "a");
    channel_close(&c);
    end();
}

static void a_callback_may_remove_its_own_source(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    c.also_remove = &c;
    make_ready(&c);
    make_ready(&c);
    ev_dispatch(ev);
    ev_dispatch(ev);
    CHECK_STR(happened, "a");
    channel_close(&c);
    end();
}

static void a_callback_may_remove_another_ready_source(void)
{
    start();
    struct channel c[2];
    for (int i = 0; i < 2; i++) {
        channel_open(&c[i], (char)('a' + i));
        make_ready(&c[i]);
    }
    c[0].also_remove = &c[1]; /* whichever is called first, the other one is not */
    c[1].also_remove = &c[0];
    ev_dispatch(ev);
    CHECK_INT(strlen(happened), 1);
    ev_dispatch(ev);
    CHECK_INT(strlen(happened), 1);
    CHECK(is_readable(c[happened[0] == 'a'].reading));
    for (int i = 0; i < 2; i++)
        channel_close(&c[i]);
    end();
}

static struct channel *heap[2];

static void free_the_other(uint32_t events, void *data)
{
    note('x');
    int other = data == heap[0];
    channel_close(heap[other]);
    free(heap[other]);
    heap[other] = NULL;
}

static void a_source_removed_by_a_callback_may_be_freed_at_once(void)
{
    start();
    for (int i = 0; i < 2; i++) {
        heap[i] = mem_alloc(sizeof(struct channel));
        channel_open(heap[i], 'a');
        heap[i]->source.fn = free_the_other;
        make_ready(heap[i]);
    }
    ev_dispatch(ev);
    CHECK_STR(happened, "x");
    for (int i = 0; i < 2; i++) {
        if (heap[i])
            channel_close(heap[i]);
        free(heap[i]);
    }
    end();
}

static void watching_what_cannot_be_watched_is_an_error(void)
{
    start();
    struct ev_source source = {0};
    struct err e = {0};
    CHECK_INT(ev_add_fd(ev, &source, -1, on_ready, NULL, &e), -EBADF);
    CHECK(!source.active);
    CHECK_INT(e.class, ERR_INTERNAL);
    struct channel c;
    channel_open(&c, 'a');
    CHECK_INT(ev_add_fd(ev, &source, c.reading, on_ready, NULL, &e), -EEXIST);
    CHECK(!source.active);
    channel_close(&c);
    end();
}

TEST_MAIN(TEST(the_loop_has_a_descriptor_that_is_close_on_exec), TEST(free_closes_the_descriptor),
          TEST(dispatch_of_nothing_returns), TEST(a_readable_source_is_called_with_its_data),
          TEST(what_is_not_read_is_told_again), TEST(the_end_of_a_stream_is_told),
          TEST(the_loops_descriptor_is_readable_while_a_source_is), TEST(all_ready_sources_are_called),
          TEST(more_sources_than_fit_into_one_wait_get_their_turn), TEST(no_source_starves),
          TEST(a_removed_source_is_called_no_more), TEST(a_removed_source_can_be_added_again),
          TEST(a_callback_may_remove_its_own_source), TEST(a_callback_may_remove_another_ready_source),
          TEST(a_source_removed_by_a_callback_may_be_freed_at_once),
          TEST(watching_what_cannot_be_watched_is_an_error))
