#include "runner/status/web.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define MAX_CONNECTIONS   128
#define MIN_CONNECTIONS   8
#define CONNECTION_FDS    2                  /* the socket, and the file that is sent */
#define CONNECTION_MEMORY ((size_t)12 << 10) /* of a request's head, and of the answer */
#define IDLE_TIMEOUT_S    15U
#define REQUEST_LIMIT_MS \
    20000 /* from the connection, or from the last answer, to the end of a request's head */
#define ANSWER_LIMIT_MS 600000 /* except for streams */
#define SWEEP_MS        5000
/* Connections kept free for new clients: the one idle for longest is closed. */
#define SPARE_CONNECTIONS 4U

/* One connection. */
struct peer {
    struct peer *next;
    struct web *web;
    int fd; /* not owned */
    int64_t deadline_ms;
    bool is_asking; /* has a request */
    bool is_shut;
};

struct web {
    struct ev *ev;
    struct route_site site;
    struct MHD_Daemon *daemon;
    struct ev_source source;
    struct ev_timer timer; /* of the daemon */
    struct ev_timer sweep_timer;
    struct peer *peers; /* newest first */
    unsigned peers_len, peers_max;
    bool runs;
    bool has_ended_one; /* a connection has ended in the daemon's last run */
};

/* ---- time limits of connections ---- */

/* MHD's own timeout is for idle connections; one that sends a byte now and then is never idle. */
static void sweep(void *data)
{
    struct web *web = data;
    int64_t now = clock_now_ms();
    for (struct peer *p = web->peers; p; p = p->next)
        if (now >= p->deadline_ms)
            shutdown(p->fd, SHUT_RDWR);
    if (web->peers)
        ev_timer_at(web->ev, &web->sweep_timer, now + SWEEP_MS, sweep, web);
}

/* Clients that connect without a request must not lock others out. */
static void make_room(struct web *web)
{
    struct peer *oldest = NULL;
    for (struct peer *p = web->peers; p; p = p->next)
        if (!p->is_asking && !p->is_shut && (!oldest || p->deadline_ms <= oldest->deadline_ms))
            oldest = p;
    if (!oldest)
        return;
    oldest->is_shut = true;
    shutdown(oldest->fd, SHUT_RDWR);
}

static void peer_open(struct web *web, struct MHD_Connection *connection, void **peer)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct peer *p = mem_alloc(sizeof(*p));
    *p = (struct peer){.next = web->peers,
                       .web = web,
                       .fd = info ? info->connect_fd : -1,
                       .deadline_ms = clock_now_ms() + REQUEST_LIMIT_MS};
    if (++web->peers_len + SPARE_CONNECTIONS > web->peers_max)
        make_room(web);
    if (!web->peers)
        ev_timer_at(web->ev, &web->sweep_timer, clock_now_ms() + SWEEP_MS, sweep, web);
    web->peers = *peer = p;
}

static void peer_close(struct peer *p)
{
    struct peer **link = &p->web->peers;
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    p->web->peers_len--;
    p->web->has_ended_one = true;
    free(p);
}

/* Of type MHD_NotifyConnectionCallback. */
static void on_connection(void *cls, struct MHD_Connection *connection, void **peer,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        peer_open(cls, connection, peer);
    else if (*peer)
        peer_close(*peer);
}

static void set_deadline(struct MHD_Connection *connection, int64_t ms, bool is_asking)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct peer *p = info ? info->socket_context : NULL;
    if (!p)
        return;
    p->deadline_ms = ms == CLOCK_NEVER ? ms : clock_now_ms() + ms;
    p->is_asking = is_asking;
}

/* ---- requests ---- */

/* MHD calls it with the head of a request, with each part of its body, then once more. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data, size_t *data_len,
                                  void **seen)
{
    struct web *web = cls;
    bool is_stream = false;
    if (*data_len) /* discards the body */
        return MHD_NO;
    bool is_plain = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    if (!*seen && is_plain) {
        *seen = web;
        return MHD_YES;
    }
    enum MHD_Result result = route_answer(&web->site, connection, method, path, &is_stream);
    set_deadline(connection, is_stream ? CLOCK_NEVER : ANSWER_LIMIT_MS, true);
    return result;
}

/* Of type MHD_RequestCompletedCallback. */
static void on_completed(void *cls, struct MHD_Connection *connection, void **seen,
                         enum MHD_RequestTerminationCode how)
{
    set_deadline(connection, REQUEST_LIMIT_MS, false);
}

/* ---- the loop ---- */

/*
 * At its limit of connections the daemon does not listen; where some have ended, it listens again
 * only in its
 *    next run, and where all have, nothing else would call for that.
 */
static int64_t next_run_ms(const struct web *web)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (web->has_ended_one)
        return clock_now_ms();
    if (MHD_get_timeout(web->daemon, &wait_ms) == MHD_YES)
        return clock_now_ms() + (int64_t)MIN(wait_ms, 60000ULL);
    return CLOCK_NEVER;
}

static void run_later(void *data)
{
    web_run(data);
}

void web_run(struct web *web)
{
    if (web->runs) /* called from a callback of the daemon */
        return;
    web->runs = true;
    web->has_ended_one = false;
    MHD_run(web->daemon);
    web->runs = false;
    int64_t next_ms = next_run_ms(web);
    if (next_ms == CLOCK_NEVER)
        ev_timer_stop(web->ev, &web->timer);
    else
        ev_timer_at(web->ev, &web->timer, next_ms, run_later, web);
}

static void on_ready(short events, void *data)
{
    web_run(data);
}

/* ---- opening ---- */

/*
 * Returns the number of connections that leave enough descriptors for the jobs. 0: there are too
 * few.
 */
static unsigned connection_limit(size_t kept_back)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 ||
        files.rlim_cur < kept_back + (rlim_t)MIN_CONNECTIONS * CONNECTION_FDS)
        return 0;
    return (unsigned)MIN((files.rlim_cur - kept_back) / CONNECTION_FDS, (rlim_t)MAX_CONNECTIONS);
}

static int start_daemon(struct web *web, int fd, unsigned connections, struct err *err)
{
    web->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, web, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, web, MHD_OPTION_NOTIFY_CONNECTION, on_connection, web,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        web->daemon ? MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return err_set(
            err, ERR_ENVIRONMENT, EIO,
            "Cannot start the HTTP server of the status page: the limit of epoll may be reached (see "
            "/proc/sys/fs/epoll/max_user_watches)");
    ev_add_fd(web->ev, &web->source, info->epoll_fd, on_ready, web);
    return 0;
}

int web_open(const struct web_settings *settings, struct web **ret_web, struct err *err)
{
    unsigned connections = connection_limit(settings->kept_back_fds);
    if (!connections)
        return err_set(
            err, ERR_ENVIRONMENT, EMFILE,
            "Too few file descriptors for the status page and %zu slots: raise the limit (ulimit -n)",
            settings->kept_back_fds);
    struct web *web = mem_alloc(sizeof(*web));
    *web = (struct web){.ev = settings->ev, .site = settings->site, .peers_max = connections};
    int fd = -1;
    int r = listen_open(&web->site.address, &fd, err);
    if (r == 0)
        r = start_daemon(web, fd, connections, err);
    if (r < 0 && !web->daemon)
        fd_close(fd);
    if (r < 0)
        web_close(web);
    else
        *ret_web = web;
    return r;
}

void web_close(struct web *web)
{
    if (!web)
        return;
    ev_remove_fd(web->ev, &web->source);
    if (web->daemon) {
        stream_close(web->site.stream);
        MHD_run(web->daemon);
        MHD_stop_daemon(web->daemon);
    }
    ev_timer_stop(web->ev, &web->timer);
    ev_timer_stop(web->ev, &web->sweep_timer);
    free(web);
}

const struct listen_address *web_address(const struct web *web)
{
    return &web->site.address;
}
