#include "mock/server.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "mock/answer.h"
#include "mock/routes.h"
#include "mock/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_CONNECTIONS   512U
#define IDLE_TIMEOUT_S    600U
#define CONNECTION_MEMORY ((size_t)64 << 10)
#define LISTEN_BACKLOG    128

struct server {
    struct MHD_Daemon *daemon;
    struct mock *mock;
};

/* A request in progress; used only by the thread of its connection. */
struct exchange {
    struct request request;
    char *path;      /* owned */
    unsigned status; /* from route_find() */
    struct route route;
    char allow[ROUTE_ALLOW_SIZE]; /* for 405 */
    const char *agent;            /* the User-Agent */
    struct fault fault;
    bool too_large; /* the body is too large: it is read, but not kept */
    bool finished;
    size_t claim;   /* number of the claim; 0: none */
    bool is_reused; /* the connection had served a request before */
};

/* ---- before and after a request */

static bool is_control(const struct exchange *x)
{
    return x->status != MHD_HTTP_NOT_FOUND && x->route.where == ROUTE_CONTROL;
}

static bool is_result(const struct exchange *x)
{
    return x->status == MHD_HTTP_OK && x->route.where == FAULT_AT_POST;
}

static bool is_for_tasks(const struct exchange *x)
{
    return x->status == MHD_HTTP_OK && (x->route.where == FAULT_AT_GET || x->route.where == FAULT_AT_POST);
}

/* Resolves a fault that depends on the connection. */
static void settle_fault(const struct exchange *x, struct fault *fault)
{
    if (fault->kind == FAULT_DROP_REUSED)
        fault->kind = x->is_reused ? FAULT_DROP_AFTER : FAULT_NONE;
}

static void begin(struct mock *mock, struct exchange *x)
{
    if (is_control(x))
        return;
    pthread_mutex_lock(&mock->lock);
    mock->parallel++;
    mock->counters.parallel_max = MAX(mock->counters.parallel_max, mock->parallel);
    mock->posts_parallel += is_result(x);
    mock->counters.posts_parallel_max = MAX(mock->counters.posts_parallel_max, mock->posts_parallel);
    mock->counters.reused += x->is_reused && is_for_tasks(x);
    if (x->status == MHD_HTTP_OK)
        x->fault = faults_next(&mock->faults, (enum fault_where)x->route.where);
    settle_fault(x, &x->fault);
    pthread_mutex_unlock(&mock->lock);
}

/* Counts the request before its answer is sent, so that clients find it counted. */
static void finish(struct mock *mock, struct exchange *x, const char *outcome)
{
    char fault[16];
    x->finished = true;
    if (is_control(x))
        return;
    fault_name(&x->fault, fault, sizeof(fault));
    pthread_mutex_lock(&mock->lock);
    mock->parallel--;
    mock->posts_parallel -= is_result(x);
    mock->counters.requests_total++;
    state_agent(mock, x->agent);
    state_count(mock->requests, x->status == MHD_HTTP_NOT_FOUND ? "other" : x->route.path, outcome);
    bool is_lost = x->claim && fault_loses_answer(&x->fault);
    if (x->claim)
        queue_answered(&mock->queue, x->claim, mock_now_ms(mock), is_lost);
    mock->counters.unanswerable += is_lost;
    if (x->fault.kind != FAULT_NONE)
        state_count(mock->fault_hits, fault, NULL);
    pthread_cond_broadcast(&mock->changed);
    pthread_mutex_unlock(&mock->lock);
}

static void delay(struct mock *mock, int64_t ms)
{
    int64_t deadline_ms = clock_now_ms() + ms;
    pthread_mutex_lock(&mock->lock);
    while (!mock->stopping && clock_now_ms() < deadline_ms)
        mock_wait(mock, deadline_ms);
    pthread_mutex_unlock(&mock->lock);
}

/* ---- one request ---- */

static void refuse(const struct exchange *x, struct answer *ret_answer)
{
    if (x->too_large) {
        answer_message(ret_answer, MHD_HTTP_CONTENT_TOO_LARGE, "The body is larger than --max-body");
        return;
    }
    if (x->status == MHD_HTTP_NOT_FOUND) {
        answer_message(ret_answer, x->status, "There is nothing at this path");
        return;
    }
    answer_message(ret_answer, x->status, "The method is not allowed");
    answer_header(ret_answer, MHD_HTTP_HEADER_ALLOW, x->allow);
}

static void forget_tokens(struct mock *mock)
{
    pthread_mutex_lock(&mock->lock);
    auth_forget(&mock->auth);
    pthread_mutex_unlock(&mock->lock);
}

static void carry_out(struct mock *mock, struct exchange *x, struct answer *ret_answer)
{
    if (x->status != MHD_HTTP_OK || x->too_large) {
        refuse(x, ret_answer);
        return;
    }
    if (x->fault.kind == FAULT_REVOKE)
        forget_tokens(mock);
    if (x->route.where == ROUTE_CONTROL || fault_acts(&x->fault, (enum fault_where)x->route.where))
        x->route.fn(mock, &x->request, ret_answer);
    pthread_mutex_lock(&mock->lock);
    pthread_cond_broadcast(&mock->changed);
    pthread_mutex_unlock(&mock->lock);
}

static enum MHD_Result send_answer(struct exchange *x, struct answer *answer)
{
    unsigned status = answer->status;
    struct MHD_Response *response = answer_response(answer, &x->fault);
    if (!response)
        return MHD_NO;
    enum MHD_Result r = MHD_queue_response(x->request.connection, status, response);
    MHD_destroy_response(response);
    return r;
}

static enum MHD_Result respond(struct mock *mock, struct exchange *x)
{
    CLEANUP(answer_done) struct answer answer = {0};
    carry_out(mock, x, &answer);
    x->claim = answer.claim;
    answer_spoil(&answer, &x->fault);
    if (x->fault.kind == FAULT_SLOW)
        delay(mock, (int64_t)x->fault.value);
    if (x->fault.kind == FAULT_DROP_AFTER) {
        finish(mock, x, "drop-after");
        return MHD_NO;
    }
    char status[16];
    snprintf(status, sizeof(status), "%u", answer.status);
    finish(mock, x, status);
    return send_answer(x, &answer);
}

static void take_body(struct mock *mock, struct exchange *x, const char *data, size_t len)
{
    if (x->too_large || buf_append(&x->request.body, data, len) == 0)
        return;
    x->too_large = true;
    buf_done(&x->request.body);
}

/* Returns true if the connection has served a request before this one. */
static bool count_request(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    bool *has_served = info ? info->socket_context : NULL;
    bool is_reused = has_served && *has_served;
    if (has_served)
        *has_served = true;
    return is_reused;
}

/* Of type MHD_NotifyConnectionCallback. */
static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *context = mem_alloc(sizeof(bool)); /* zeroed: no request yet */
    else
        free(TAKE_PTR(*context));
}

/* MHD calls this once with the headers, once for each piece of the body, and once at the end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *data_len,
                                  void **exchange)
{
    struct mock *mock = cls;
    struct exchange *x = *exchange;
    if (!x) {
        *exchange = x = mem_alloc(sizeof(*x));
        x->request.connection = connection;
        x->request.body.limit = mock->max_body_bytes;
        x->agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT);
        x->is_reused = count_request(connection);
        x->path = mem_strdup(url);
        x->status = route_find(mock, method, x->path, &x->route, &x->request.rest, x->allow);
        begin(mock, x);
        if (x->fault.kind != FAULT_DROP)
            return MHD_YES;
        finish(mock, x, "drop");
        return MHD_NO;
    }
    if (*data_len == 0)
        return respond(mock, x);
    take_body(mock, x, data, *data_len);
    *data_len = 0;
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **exchange,
                         enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *exchange;
    if (!x)
        return;
    if (!x->finished) /* the client disconnected before the end of its body */
        finish(cls, x, "aborted");
    buf_done(&x->request.body);
    free(x->path);
    free(x);
    *exchange = NULL;
}

/* ---- starting and stopping ---- */

/* Reachable from this machine only. SO_REUSEADDR: a restart on the same port must not wait. */
static int listen_on(uint16_t port, int *ret_fd, uint16_t *ret_port, struct err *err)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int one = 1;
    CLEANUP(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return err_errno(err, errno, "Cannot listen on 127.0.0.1, port %u", port);
    *ret_port = ntohs(address.sin_port);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int server_start(struct mock *mock, uint16_t port, struct server **ret_server, uint16_t *ret_port,
                 struct err *err)
{
    int fd = -1;
    int r = listen_on(port, &fd, ret_port, err);
    if (r < 0)
        return r;
    struct server *server = mem_alloc(sizeof(*server));
    server->mock = mock;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC, port,
        NULL, NULL, on_request, mock, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        mock, MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_END);
    if (!server->daemon) {
        free(server);
        return err_set(err, ERR_INTERNAL, EIO, "Cannot start the HTTP server");
    }
    *ret_server = server;
    return 0;
}

void server_stop(struct server *server)
{
    mock_stop(server->mock);
    MHD_stop_daemon(server->daemon);
    free(server);
}
