#include "base/ev.h"

#include "base/clock.h"
#include "base/fd.h"
#include "test.h"

#include <fcntl.h>
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

static void on_time(void *data)
{
    note(*(const char *)data);
}

static struct ev_timer timers[4];
static struct ev_timer *const a = &timers[0], *const b = &timers[1], *const c = &timers[2],
                              *const d = &timers[3];

static void at(struct ev_timer *timer, int64_t deadline_ms)
{
    static char letters[] = "abcd";
    ev_timer_at(ev, timer, deadline_ms, on_time, &letters[timer - timers]);
}

static void start_timers(void)
{
    memset(timers, 0, sizeof(timers));
    start();
}

static void dispatch_at(int64_t now_ms)
{
    clock_test_freeze(now_ms);
    ev_dispatch(ev);
}

static void a_timer_fires_once_when_its_time_has_come(void)
{
    start_timers();
    at(a, 2000);
    CHECK(a->armed);
    dispatch_at(1999);
    CHECK_STR(happened, "");
    dispatch_at(2000);
    CHECK_STR(happened, "a");
    CHECK(!a->armed);
    dispatch_at(9000);
    CHECK_STR(happened, "a");
    end();
}

static void timers_fire_in_the_order_of_their_deadlines(void)
{
    start_timers();
    at(a, 4000);
    at(b, 2000);
    at(c, 3000);
    at(d, 5000);
    dispatch_at(4500);
    CHECK_STR(happened, "bca");
    dispatch_at(5000);
    CHECK_STR(happened, "bcad");
    end();
}

static void timers_of_one_deadline_fire_in_the_order_of_arming(void)
{
    start_timers();
    at(c, 2000);
    at(a, 2000);
    at(b, 2000);
    dispatch_at(2000);
    CHECK_STR(happened, "cab");
    end();
}

static void a_deadline_in_the_past_fires_at_the_next_dispatch(void)
{
    start_timers();
    at(a, 0);
    CHECK_STR(happened, "");
    CHECK_INT(ev_next_deadline_ms(ev), 0);
    ev_dispatch(ev);
    CHECK_STR(happened, "a");
    end();
}

static void the_next_deadline_is_the_earliest(void)
{
    start_timers();
    CHECK_INT(ev_next_deadline_ms(ev), CLOCK_NEVER);
    at(a, 4000);
    CHECK_INT(ev_next_deadline_ms(ev), 4000);
    at(b, 2000);
    CHECK_INT(ev_next_deadline_ms(ev), 2000);
    at(c, 3000);
    CHECK_INT(ev_next_deadline_ms(ev), 2000);
    ev_timer_stop(ev, b);
    CHECK_INT(ev_next_deadline_ms(ev), 3000);
    dispatch_at(3000);
    CHECK_INT(ev_next_deadline_ms(ev), 4000);
    dispatch_at(4000);
    CHECK_INT(ev_next_deadline_ms(ev), CLOCK_NEVER);
    end();
}

static void a_stopped_timer_does_not_fire(void)
{
    start_timers();
    at(a, 2000);
    at(b, 2000);
    at(c, 2000);
    ev_timer_stop(ev, b);
    CHECK(!b->armed);
    ev_timer_stop(ev, b);
    dispatch_at(2000);
    CHECK_STR(happened, "ac");
    end();
}

static void stopping_a_timer_that_was_never_armed_is_fine(void)
{
    start_timers();
    ev_timer_stop(ev, a);
    end();
}

static void arming_again_moves_the_timer(void)
{
    start_timers();
    at(a, 2000);
    at(b, 3000);
    at(a, 4000);
    CHECK_INT(ev_next_deadline_ms(ev), 3000);
    dispatch_at(3500);
    CHECK_STR(happened, "b");
    at(a, 3500);
    dispatch_at(3500);
    CHECK_STR(happened, "ba");
    end();
}

static void a_timer_that_never_comes_does_not_fire(void)
{
    start_timers();
    at(a, CLOCK_NEVER);
    dispatch_at(INT64_MAX - 1);
    CHECK_STR(happened, "");
    end();
}

static void stop_the_next(void *data)
{
    note('s');
    ev_timer_stop(ev, data);
}

static void a_callback_may_stop_another_due_timer(void)
{
    start_timers();
    ev_timer_at(ev, a, 2000, stop_the_next, b);
    at(b, 2000);
    at(c, 2000);
    dispatch_at(2000);
    CHECK_STR(happened, "sc");
    end();
}

static void arm_again_in_the_past(void *data)
{
    note('r');
    ev_timer_at(ev, data, 0, arm_again_in_the_past, data);
}

static void a_callback_that_arms_its_timer_in_the_past_does_not_hang_the_loop(void)
{
    start_timers();
    ev_timer_at(ev, a, 2000, arm_again_in_the_past, a);
    at(b, 2000);
    dispatch_at(2000);
    CHECK_STR(happened, "rb"); /* and the other timer has run */
    ev_dispatch(ev);
    CHECK_STR(happened, "rbr");
    end();
}

static void arm_b_now(void *data)
{
    note('n');
    at(b, clock_now_ms());
}

static void a_timer_armed_by_a_callback_fires_at_the_next_dispatch(void)
{
    start_timers();
    ev_timer_at(ev, a, 2000, arm_b_now, NULL);
    dispatch_at(2000);
    CHECK_STR(happened, "n");
    CHECK_INT(ev_next_deadline_ms(ev), 2000);
    ev_dispatch(ev);
    CHECK_STR(happened, "nb");
    end();
}

static void arm_by_fd(short events, void *data)
{
    note('f');
    at(a, clock_now_ms() + 500);
    ev_timer_stop(ev, b);
}

static void sources_come_before_timers(void)
{
    start_timers();
    struct ev_source source = {0};
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    ev_add_fd(ev, &source, ends[0], arm_by_fd, NULL);
    CHECK_INT(fd_write_all(ends[1], "x", 1), 0);
    at(b, 1000); /* due, but the callback of the descriptor stops it */
    dispatch_at(1000);
    CHECK_STR(happened, "f");
    CHECK_INT(ev_next_deadline_ms(ev), 1500);
    ev_remove_fd(ev, &source);
    fd_close(ends[0]);
    fd_close(ends[1]);
    end();
}

TEST_MAIN(TEST(a_timer_fires_once_when_its_time_has_come), TEST(timers_fire_in_the_order_of_their_deadlines),
          TEST(timers_of_one_deadline_fire_in_the_order_of_arming),
          TEST(a_deadline_in_the_past_fires_at_the_next_dispatch), TEST(the_next_deadline_is_the_earliest),
          TEST(a_stopped_timer_does_not_fire), TEST(stopping_a_timer_that_was_never_armed_is_fine),
          TEST(arming_again_moves_the_timer), TEST(a_timer_that_never_comes_does_not_fire),
          TEST(a_callback_may_stop_another_due_timer),
          TEST(a_callback_that_arms_its_timer_in_the_past_does_not_hang_the_loop),
          TEST(a_timer_armed_by_a_callback_fires_at_the_next_dispatch), TEST(sources_come_before_timers))
