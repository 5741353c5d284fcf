#include "job/channel.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pid_status.h"
#include "sandbox/init_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "events"
#define SELECT_NAME "select"
/* Limit of one channel_take(), so that the run's other events are handled in between. */
#define MESSAGES_A_TURN 256
/*
 * Limit of lookups in /proc during one run: each pytest asks twice about its place, and each answer
 * takes one lookup for each ancestor.
 */
#define MAX_LOOKS 200000
/* Messages outside of a session are short; each counts as at least FIRST_MIN_BYTES. */
#define FIRST_MAX_BYTES  16384
#define FIRST_MIN_BYTES  256
#define ALL_FIRSTS_BYTES ((size_t)64 << 20)

#define FLOOD "Report and run disagree: too many processes claimed to be pytest"

#define OUTERMOST "o"
#define CHILD     "c"
#define NESTED    "n"

void channel_init(struct channel *c)
{
    *c = (struct channel){.listen_fd = -1};
    for (size_t i = 0; i < ARRAY_LEN(c->fds); i++)
        c->fds[i] = -1;
}

/* ---- opening ---- */

static int listen_in(struct channel *c, int dir_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int on = 1;
    /* The directory's own path may be too long for an address. */
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME, dir_fd);
    c->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->listen_fd < 0 || setsockopt(c->listen_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        bind(c->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        fchmodat(dir_fd, SOCKET_NAME, 0666, 0) < 0 || listen(c->listen_fd, CHANNEL_MAX_CONNECTIONS) < 0)
        return -errno;
    return 0;
}

static int write_names(const char *dir, const struct strv *names, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/" SELECT_NAME, dir);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    for (size_t i = 0; i < names->len; i++)
        buf_printf(&text, "%s\n", names->items[i]);
    int r = fs_write_atomic(path, text.data ? text.data : "", text.len, err);
    return r == 0 && chmod(path, 0644) < 0 ? err_errno(err, errno, "Cannot change %s", path) : r;
}

int channel_open(struct channel *c, const char *dir, const struct strv *names, struct err *err)
{
    int r = fs_make_dirs(dir, 0755, err);
    if (r < 0)
        return r;
    c->dir = mem_strdup(dir);
    CLEANUP(fd_closep) int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 || chmod(dir, 0755) < 0)
        return err_errno(err, errno, "Cannot open %s", dir);
    r = listen_in(c, dir_fd);
    if (r < 0)
        return err_errno(err, -r, "Cannot create the socket of the tests' events");
    return names ? write_names(dir, names, err) : 0;
}

static void close_connection(struct channel *c, size_t i)
{
    c->fds[i] = fd_close(c->fds[i]);
    c->connections[i].session = 0;
}

void channel_close(struct channel *c)
{
    for (size_t i = 0; i < ARRAY_LEN(c->fds); i++)
        close_connection(c, i);
    c->listen_fd = fd_close(c->listen_fd);
    if (c->dir)
        fs_remove_tree(c->dir, NULL);
    free(c->dir);
    free(c->loaded);
    channel_init(c);
}

/* ---- the sender ---- */

static bool has_session(const struct channel *c, pid_t pid)
{
    for (size_t i = 0; i < ARRAY_LEN(c->connections); i++)
        if (c->connections[i].session == pid)
            return true;
    return false;
}

/*
 * Returns true if neither the process nor an ancestor of it is in a session. In the sandbox it must
 * also descend from the suite's command: an orphan was left behind by a student's program.
 */
static bool is_outermost(struct channel *c, pid_t pid)
{
    bool is_suites = !c->is_original;
    struct pid_status status;
    for (; pid > 1 && c->looks < MAX_LOOKS; c->looks++) {
        if (has_session(c, pid) || pid_status_read(pid, &status) < 0)
            return false;
        is_suites = is_suites || status.inner_pid == BOX_SUITE_PID;
        if (status.inner_pid <= BOX_SUITE_PID && c->is_original)
            return is_suites;
        pid = status.ppid;
    }
    if (c->looks >= MAX_LOOKS)
        events_fault(c->events, FLOOD);
    return is_suites;
}

/* Returns the answer for a process that asks about its place. */
static const char *describe_place(struct channel *c, pid_t pid)
{
    struct pid_status status;
    if (is_outermost(c, pid))
        return OUTERMOST;
    return pid_status_read(pid, &status) == 0 && has_session(c, status.ppid) ? CHILD : NESTED;
}

static pid_t sender_of(struct msghdr *m)
{
    struct ucred who = {0};
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h))
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_CREDENTIALS)
            memcpy(&who, CMSG_DATA(h), sizeof(who));
    return who.pid;
}

/* ---- messages ---- */

static void answer(const struct channel *c, const struct channel_connection *conn, const char *byte)
{
    if (send(c->fds[conn - c->connections], byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug("cannot answer pytest: %s", strerror(errno));
}

/* Returns true if the path in the message is one of the suite's own, or the message has none. */
static bool is_suites(const struct channel *c, const json_t *message, const char *key)
{
    const char *path = json_string_value(json_object_get(message, key));
    return !path || !*path || c->is_original(path, c->data);
}

/*
 * Notes a file that is not the suite's. A python that runs a student's program ("main") may load
 * any file, and so may the suite in directories that it has made itself ("beside").
 */
static void take_loaded(struct channel *c, const json_t *message)
{
    const char *file = json_string_value(json_object_get(message, "file"));
    if (!file || !c->is_original || c->loaded || !is_suites(c, message, "main") ||
        !is_suites(c, message, "beside"))
        return;
    if (!c->is_original(file, c->data))
        c->loaded = mem_strdup(file);
}

/*
 * Returns true if the suite's time limits run in this process: a pytest, an xdist worker, or the
 * suite's command. A program that a test starts may be stopped, even if it is the suite's.
 */
static bool has_limits(const struct channel *c, pid_t pid, const json_t *message)
{
    struct pid_status status;
    const char *main = json_string_value(json_object_get(message, "main"));
    if (!c->is_original || pid_status_read(pid, &status) < 0)
        return false;
    bool is_worker = main && !*main && has_session(c, status.ppid);
    return has_session(c, pid) || is_worker || status.inner_pid == BOX_SUITE_PID;
}

static void begin_session(struct channel *c, struct channel_connection *conn, pid_t sender,
                          const char *message, size_t len)
{
    if (!is_outermost(c, sender)) {
        answer(c, conn, NESTED);
        return;
    }
    conn->session = sender;
    conn->number = ++c->sessions;
    events_take(c->events, conn->number, message, len);
    answer(c, conn, OUTERMOST);
}

/*
 * Takes a message of a connection without a session. Every such message says what it is for; a
 * pytest that was told that it is nested sends no more.
 */
static void take_first(struct channel *c, struct channel_connection *conn, pid_t sender, const char *text,
                       size_t len)
{
    CLEANUP(json_decrefp) json_t *message = NULL;
    c->first_bytes += MAX(len, (size_t)FIRST_MIN_BYTES);
    if (c->first_bytes > ALL_FIRSTS_BYTES)
        events_fault(c->events, FLOOD);
    else if (len <= FIRST_MAX_BYTES)
        message = events_parse(text, len);
    const char *named = json_string_value(json_object_get(message, "event"));
    const char *event = named ? named : "";
    if (strcmp(event, "hello") == 0)
        begin_session(c, conn, sender, text, len);
    else if (strcmp(event, "who") == 0)
        answer(c, conn, describe_place(c, sender));
    else if (strcmp(event, "loaded") == 0)
        take_loaded(c, message);
    else if (strcmp(event, "stopped") == 0)
        c->was_stopped = c->was_stopped || has_limits(c, sender, message);
    else
        events_fault(c->events, "Report and run disagree: a process other than pytest reported tests");
}

static void take_message(struct channel *c, struct channel_connection *conn, pid_t sender, const char *text,
                         size_t len)
{
    if (!conn->session) {
        take_first(c, conn, sender, text, len);
        return;
    }
    if (sender != conn->session) {
        events_fault(c->events, "Report and run disagree: another process claimed to be pytest");
        return;
    }
    enum events_kind kind = events_take(c->events, conn->number, text, len);
    c->on_event(kind, sender, c->data);
    if (kind == EVENTS_START)
        answer(c, conn, OUTERMOST);
}

static void take_one(struct channel *c, size_t i)
{
    static char message[EVENTS_MAX_MESSAGE_BYTES + 1];
    union {
        char space[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec text = {.iov_base = message, .iov_len = sizeof(message)};
    struct msghdr m = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(c->fds[i], &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        close_connection(c, i);
    else
        take_message(c, &c->connections[i], sender_of(&m), message, (size_t)n);
}

static void accept_one(struct channel *c)
{
    int on = 1;
    CLEANUP(fd_closep) int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(c->fds); i++) {
        if (c->fds[i] >= 0)
            continue;
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
            break;
        c->fds[i] = fd;
        fd = -1;
        return;
    }
    events_fault(c->events, FLOOD);
}

/*
 * Uses poll(), not epoll: the kernel limits epoll watches per user, and a task could use them up.
 */
static int take_ready(struct channel *c)
{
    struct pollfd fds[CHANNEL_MAX_CONNECTIONS + 1];
    for (size_t i = 0; i < CHANNEL_MAX_CONNECTIONS; i++)
        fds[i] = (struct pollfd){.fd = c->fds[i], .events = POLLIN};
    fds[CHANNEL_MAX_CONNECTIONS] = (struct pollfd){.fd = c->listen_fd, .events = POLLIN};
    int n = poll(fds, ARRAY_LEN(fds), 0);
    for (size_t i = 0; n > 0 && i < CHANNEL_MAX_CONNECTIONS; i++)
        if (fds[i].revents)
            take_one(c, i);
    if (n > 0 && fds[CHANNEL_MAX_CONNECTIONS].revents)
        accept_one(c);
    return n;
}

bool channel_take(struct channel *c)
{
    int taken = 0;
    for (int n; taken < MESSAGES_A_TURN && (n = take_ready(c)) > 0;)
        taken += n;
    return taken > 0;
}
