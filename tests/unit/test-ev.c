#include "base/ev.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
    memset(happened, 0, sizeof(happened));
    clock_test_freeze(1000);
    ev = ev_new();
}

static void end(void)
{
    ev_free(ev);
    clock_test_freeze(-1);
}

/* A pipe whose read end is watched. */
struct channel {
    struct ev_source source;
    int reading, writing;
    char letter;
    struct channel *also_remove; /* by the callback */
    short events;                /* last events passed to the callback */
};

static void on_ready(short events, void *data)
{
    struct channel *c = data;
    note(c->letter);
    c->events = events;
    char byte;
    if (events & POLLIN)
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
    ev_add_fd(ev, &c->source, c->reading, on_ready, c);
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

/* As seen by the caller that waits. */
static bool is_ready(void)
{
    struct pollfd fds[128];
    size_t len;
    const struct pollfd *all = ev_fds(ev, &len);
    CHECK(len <= ARRAY_LEN(fds));
    memcpy(fds, all, len * sizeof(*fds));
    return poll(fds, len, 0) > 0;
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
    CHECK_INT(c.events, POLLIN);
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
    CHECK(c.events & POLLHUP);
    channel_close(&c);
    end();
}

static void the_loop_is_ready_while_a_source_is(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    CHECK(!is_ready());
    make_ready(&c);
    CHECK(is_ready());
    ev_dispatch(ev);
    CHECK(!is_ready());
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

static void many_sources_get_their_turn(void)
{
    enum { N = 100 };
    start();
    static struct channel c[N];
    for (int i = 0; i < N; i++) {
        channel_open(&c[i], 'x');
        make_ready(&c[i]);
    }
    for (int round = 0; round < N && is_ready(); round++)
        ev_dispatch(ev);
    CHECK_INT(strlen(happened), N);
    for (int i = 0; i < N; i++)
        channel_close(&c[i]);
    end();
}

static void no_source_starves(void)
{
    enum { N = 80 };
    start();
    static struct channel c[N];
    for (int i = 0; i < N; i++) {
        channel_open(&c[i], 'x');
        c[i].writing = fd_close(c[i].writing); /* always ready */
    }
    for (int round = 0; round < 3; round++)
        ev_dispatch(ev);
    for (int i = 0; i < N; i++)
        CHECK(c[i].events & POLLHUP);
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
    CHECK(!is_ready());
    channel_close(&c);
    end();
}

static void a_removed_source_can_be_added_again(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    ev_remove_fd(ev, &c.source);
    ev_add_fd(ev, &c.source, c.reading, on_ready, &c);
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
    c[0].also_remove = &c[1]; /* the one that is called first removes the other */
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

static void free_the_other(short events, void *data)
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

static struct channel late;

static void add_late(short events, void *data)
{
    on_ready(events, data);
    channel_open(&late, 'b');
    make_ready(&late);
}

static void a_source_added_by_a_callback_is_called_at_the_next_dispatch(void)
{
    start();
    struct channel c;
    channel_open(&c, 'a');
    c.source.fn = add_late;
    make_ready(&c);
    ev_dispatch(ev);
    CHECK_STR(happened, "a");
    ev_dispatch(ev);
    CHECK_STR(happened, "ab");
    channel_close(&c);
    channel_close(&late);
    end();
}

TEST_MAIN(TEST(dispatch_of_nothing_returns), TEST(a_readable_source_is_called_with_its_data),
          TEST(what_is_not_read_is_told_again), TEST(the_end_of_a_stream_is_told),
          TEST(the_loop_is_ready_while_a_source_is), TEST(all_ready_sources_are_called),
          TEST(many_sources_get_their_turn), TEST(no_source_starves),
          TEST(a_removed_source_is_called_no_more), TEST(a_removed_source_can_be_added_again),
          TEST(a_callback_may_remove_its_own_source), TEST(a_callback_may_remove_another_ready_source),
          TEST(a_source_removed_by_a_callback_may_be_freed_at_once),
          TEST(a_source_added_by_a_callback_is_called_at_the_next_dispatch))
