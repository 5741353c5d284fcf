#include "mock/mock.h"

#include "base/clock.h"

#include <string.h>
#include <time.h>

static int64_t wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void mock_init(struct mock *ret_mock, const struct mock_setup *setup)
{
    pthread_condattr_t attr;
    *ret_mock = (struct mock){.results_fd = -1,
                              .start_ms = clock_now_ms(),
                              .start_wall_ms = wall_ms(),
                              .requests = json_object(),
                              .fault_hits = json_object(),
                              .agents = json_object(),
                              .violation_reasons = json_array()};
    pthread_mutex_init(&ret_mock->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&ret_mock->changed, &attr);
    pthread_condattr_destroy(&attr);
    queue_init(&ret_mock->queue, setup->list, setup->rounds);
    auth_init(&ret_mock->auth, setup->users, setup->token_ttl_ms);
}

void mock_done(struct mock *mock)
{
    queue_done(&mock->queue);
    auth_done(&mock->auth);
    free(mock->unmarked_text);
    json_decref(mock->requests);
    json_decref(mock->fault_hits);
    json_decref(mock->agents);
    json_decref(mock->violation_reasons);
    pthread_cond_destroy(&mock->changed);
    pthread_mutex_destroy(&mock->lock);
}

int64_t mock_now_ms(const struct mock *mock)
{
    return clock_now_ms() - mock->start_ms;
}

bool mock_wait(struct mock *mock, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    return pthread_cond_timedwait(&mock->changed, &mock->lock, &until) == 0;
}

void mock_stop(struct mock *mock)
{
    pthread_mutex_lock(&mock->lock);
    mock->stopping = true;
    pthread_cond_broadcast(&mock->changed);
    pthread_mutex_unlock(&mock->lock);
}
