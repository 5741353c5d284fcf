#include "base/proc.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/pidtree.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long the remaining processes of a run may take to end after SIGKILL. */
#define KILL_TIMEOUT_MS 10000

/* Exact memory measurements take a tenth of the time; the pause between two has this maximum. */
#define EXACT_REST_PART   9
#define EXACT_REST_MAX_MS 1000

/* Read from one stream before checking the clock again: up to the size of the largest pipe. */
#define DRAIN_CHUNK_BYTES 65536
#define DRAIN_CHUNKS      16

int proc_open_pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : fd;
}

void proc_hold_stop_signals(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGHUP);
    sigprocmask(SIG_BLOCK, ret_set, NULL);
}

int proc_open_signals(int also, int *ret_fd, struct err *err)
{
    sigset_t set;
    proc_hold_stop_signals(&set);
    if (also)
        sigaddset(&set, also);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno, "Cannot receive signals");
    *ret_fd = fd;
    return 0;
}

int proc_become_subreaper(struct err *err)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) < 0)
        return err_errno(err, errno, "Cannot become a child subreaper");
    return 0;
}

/* ---- in the child, between fork and exec ---- */

static void reset_signals(void)
{
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int put_stdio(const int wanted[3])
{
    int copies[3];
    for (int i = 0; i < 3; i++) { /* duplicate above 2 first, so that none is overwritten */
        int fd = wanted[i] >= 0 ? wanted[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
        copies[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copies[i] < 0)
            return -errno;
    }
    for (int i = 0; i < 3; i++)
        if (dup2(copies[i], i) < 0)
            return -errno;
    return 0;
}

/* Enters the control groups while the user may still write to them. */
static int enter_groups(const struct proc_setup *setup, bool is_inside)
{
    if (setup->into_fd > 0 && !is_inside && write(setup->into_entry_fd, "0", 1) < 0)
        return -errno;
    for (size_t i = 0; i < setup->entry_fds_len; i++)
        if (setup->entry_fds[i] >= 0 && write(setup->entry_fds[i], "0", 1) < 0)
            return -errno;
    return 0;
}

static int become_user(uid_t uid)
{
    return setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0 ? -errno : 0;
}

static int apply_setup(const struct proc_setup *setup, pid_t parent, bool is_inside)
{
    int r = enter_groups(setup, is_inside);
    if (r == 0 && setup->prepare)
        r = setup->prepare(setup->prepare_data);
    if (r == 0 && setup->uid)
        r = become_user(setup->uid);
    if (r < 0)
        return r;
    if (setup->new_session)
        setsid();
    if (setup->death_signal)
        prctl(PR_SET_PDEATHSIG, (unsigned long)setup->death_signal, 0L, 0L, 0L);
    if (setup->death_signal && getppid() != parent)
        return -ESRCH; /* the parent died before the request */
    struct rlimit limit = {.rlim_cur = setup->file_size_bytes, .rlim_max = setup->file_size_bytes};
    if (setup->file_size_bytes && setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return -errno;
    if (setup->file_size_bytes)
        signal(SIGXFSZ, SIG_IGN);
    r = put_stdio((int[]){setup->in_fd, setup->out_fd, setup->err_fd});
    if (r == 0 && setup->cwd && chdir(setup->cwd) < 0)
        r = -errno;
    return r;
}

static void run_child(const struct proc_setup *setup, pid_t parent, bool is_inside, int error_fd)
{
    reset_signals();
    error_fd = fcntl(error_fd, F_DUPFD_CLOEXEC, 3); /* above the standard streams */
    int r = apply_setup(setup, parent, is_inside);
    if (r == 0) {
        syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
        for (size_t i = 0; i < setup->keep_fds_len; i++)
            fcntl(setup->keep_fds[i], F_SETFD, 0);
        if (setup->env)
            environ = setup->env->items;
        execvp(setup->argv->items[0], setup->argv->items);
        r = -errno;
    }
    fd_write_all(error_fd, &r, sizeof(r));
    _exit(127);
}

/* ---- in the parent ---- */

/* Waits for the exec. Returns 0 or the error that the child sent through the pipe. */
static int read_exec_error(int fd)
{
    int r = 0;
    ssize_t n;
    do {
        n = read(fd, &r, sizeof(r));
    } while (n < 0 && errno == EINTR);
    return n == sizeof(r) ? r : 0;
}

/*
 * Forks into a control group, since moving a process there later takes the kernel some 10 ms.
 * Returns -1 if that is not possible.
 */
static pid_t fork_into(int cgroup_fd)
{
    struct clone_args args = {
        .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)(unsigned)cgroup_fd};
    return cgroup_fd > 0 ? (pid_t)syscall(SYS_clone3, &args, sizeof(args)) : -1;
}

int proc_spawn(const struct proc_setup *setup, pid_t *ret_pid, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "Cannot create a pipe");
    pid_t parent = getpid();
    pid_t pid = fork_into(setup->into_fd);
    bool is_inside = pid >= 0;
    if (!is_inside)
        pid = fork();
    if (pid == 0)
        run_child(setup, parent, is_inside, ends[1]);
    int fork_errno = errno;
    fd_close(ends[1]);
    int r = pid < 0 ? -fork_errno : read_exec_error(ends[0]);
    fd_close(ends[0]);
    if (r < 0) {
        if (pid > 0)
            waitpid(pid, NULL, 0);
        return err_errno(err, -r, "Cannot start %s%s%s", setup->argv->items[0],
                         setup->cwd ? " in the directory " : "", setup->cwd ? setup->cwd : "");
    }
    *ret_pid = pid;
    return 0;
}

int proc_spawn_piped(const struct proc_setup *setup, pid_t *ret_pid, int *ret_fd, struct err *err)
{
    struct proc_setup piped = *setup;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_errno(err, errno, "Cannot create a pipe");
    fcntl(ends[1], F_SETFL, 0); /* the child's end blocks as usual */
    piped.out_fd = piped.err_fd = ends[1];
    int r = proc_spawn(&piped, ret_pid, err);
    fd_close(ends[1]);
    if (r < 0)
        fd_close(ends[0]);
    else
        *ret_fd = ends[0];
    return r;
}

static void sink_put(struct proc_sink *sink, const char *data, size_t len)
{
    size_t keep = (size_t)MIN((uint64_t)len, sink->limit_bytes - sink->kept_bytes);
    int r = sink->fd >= 0 ? fd_write_all(sink->fd, data, keep) : buf_append(&sink->buf, data, keep);
    sink->kept_bytes += keep;
    sink->dropped_bytes += len - keep;
    if (r < 0) /* a full disk must not stop draining */
        sink->unwritten_bytes += keep;
}

/* Reads the available data, up to a limit. Returns false at the end of the stream. */
static bool sink_drain(struct proc_sink *sink, int fd)
{
    char chunk[DRAIN_CHUNK_BYTES];
    for (int i = 0; i < DRAIN_CHUNKS; i++) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        sink_put(sink, chunk, (size_t)n);
    }
    return true;
}

/* The state of one proc_run(), from start to end. */
struct watch {
    struct proc_run *run;
    pid_t pid;
    int pid_fd;
    int out_fd, err_fd; /* -1 after the end of the stream */
    int cancel_fd;      /* -1 once termination has begun */
    int64_t deadline_ms;
    int64_t kill_ms;
    int64_t sample_ms;
    bool ending; /* SIGTERM was sent */
    bool ended;
};

static void watch_done(struct watch *w)
{
    fd_close(w->pid_fd);
    fd_close(w->out_fd);
    fd_close(w->err_fd);
}

static void take_sample(struct watch *w)
{
    struct proc_run *run = w->run;
    struct proc_sample now = {0};
    int64_t rest_ms = run->sample_ms;
    pidtree_usage(w->pid, &now.rss_bytes, &now.processes);
    if (run->rss_limit_bytes && now.rss_bytes > run->rss_limit_bytes) {
        int64_t start_ms = clock_now_ms();
        now.rss_bytes = pidtree_exact_bytes(w->pid);
        int64_t took_ms = clock_now_ms() - start_ms;
        rest_ms = MAX(rest_ms, MIN(took_ms * EXACT_REST_PART, (int64_t)EXACT_REST_MAX_MS));
        run->over_rss = run->over_rss || now.rss_bytes > run->rss_limit_bytes;
    }
    run->samples++;
    run->peak.rss_bytes = MAX(run->peak.rss_bytes, now.rss_bytes);
    run->peak.processes = MAX(run->peak.processes, now.processes);
    if (run->on_sample)
        run->on_sample(&now, run->sample_data);
    w->sample_ms = clock_now_ms() + rest_ms;
}

/* Sends SIGTERM to the child and its descendants; SIGKILL follows after the grace time. */
static void begin_end(struct watch *w)
{
    w->ending = true;
    w->deadline_ms = CLOCK_NEVER;
    w->cancel_fd = -1;
    w->kill_ms = clock_now_ms() + w->run->grace_ms;
    pidtree_signal(w->pid, SIGTERM);
}

static void handle_time(struct watch *w)
{
    int64_t now = clock_now_ms();
    if (now >= w->sample_ms)
        take_sample(w);
    if (w->run->over_rss && !w->ending)
        begin_end(w);
    if (now >= w->deadline_ms) {
        w->run->timed_out = true;
        begin_end(w);
    }
    if (now >= w->kill_ms) {
        kill(w->pid, SIGKILL);
        w->kill_ms = CLOCK_NEVER;
    }
}

static void take_channel(struct proc_channel *c)
{
    if (c->take && !c->take(c->fd, c->data))
        c->take = NULL;
}

#define CHANNEL_FDS (1 + PROC_MORE_FDS)

/*
 * Appends the open descriptors of an active channel, and returns their number. Closed ones are left
 * out, since poll(2) refuses more entries than the limit of open files.
 */
static size_t fill_channel(const struct proc_channel *c, struct pollfd *fds)
{
    size_t len = 0;
    for (size_t i = 0; c->take && i < CHANNEL_FDS; i++) {
        int fd = i == 0 ? c->fd : c->more_fds ? c->more_fds[i - 1] : -1;
        if (fd >= 0)
            fds[len++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    return len;
}

static bool is_ready(const struct pollfd *fds, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (fds[i].revents)
            return true;
    return false;
}

static void wait_once(struct watch *w)
{
    int64_t next = MIN(MIN(w->deadline_ms, w->kill_ms), w->sample_ms);
    struct pollfd fds[4 + PROC_CHANNELS * CHANNEL_FDS] = {
        {.fd = w->pid_fd, .events = POLLIN},
        {.fd = w->out_fd, .events = POLLIN},
        {.fd = w->err_fd, .events = POLLIN},
        {.fd = w->cancel_fd, .events = POLLIN},
    };
    struct proc_channel *channels = w->run->channels;
    size_t ends[PROC_CHANNELS], len = 4; /* end of each channel's entries */
    for (int i = 0; i < PROC_CHANNELS; i++)
        ends[i] = len += fill_channel(&channels[i], &fds[len]);
    if (poll(fds, len, clock_poll_timeout_ms(next)) < 0)
        return;
    if (fds[1].revents && !sink_drain(&w->run->out, w->out_fd))
        w->out_fd = fd_close(w->out_fd);
    if (fds[2].revents && !sink_drain(&w->run->err, w->err_fd))
        w->err_fd = fd_close(w->err_fd);
    if (fds[3].revents) {
        w->run->cancelled = true;
        begin_end(w);
    }
    for (int i = 0; i < PROC_CHANNELS; i++) {
        size_t begin = i ? ends[i - 1] : 4;
        if (is_ready(&fds[begin], ends[i] - begin))
            take_channel(&channels[i]);
    }
    if (((w->run->end_at_limit && w->run->out.dropped_bytes) || w->run->end_now) && !w->ending)
        begin_end(w);
    w->ended = fds[0].revents != 0;
}

static void reap(struct watch *w)
{
    int status;
    struct rusage usage;
    while (wait4(w->pid, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    w->run->exited = WIFEXITED(status);
    w->run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    w->run->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    w->run->cpu_ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                     (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static int start_watched(struct watch *w, struct err *err)
{
    int out[2] = {-1, -1}, errs[2] = {-1, -1};
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errs, O_CLOEXEC) < 0) {
        fd_close(out[0]);
        fd_close(out[1]);
        return err_errno(err, errno, "Cannot create a pipe");
    }
    w->out_fd = out[0];
    w->err_fd = errs[0];
    struct proc_setup *setup = &w->run->setup;
    setup->out_fd = out[1];
    setup->err_fd = errs[1];
    setup->new_session = true;
    setup->death_signal = SIGKILL;
    fd_set_nonblock(out[0]);
    fd_set_nonblock(errs[0]);
    int r = proc_spawn(setup, &w->pid, err);
    fd_close(out[1]);
    fd_close(errs[1]);
    if (r < 0)
        return r;
    w->pid_fd = proc_open_pidfd(w->pid);
    if (w->pid_fd < 0) {
        kill(w->pid, SIGKILL);
        waitpid(w->pid, NULL, 0);
        return err_errno(err, -w->pid_fd, "Cannot open a pidfd");
    }
    return 0;
}

int proc_run(struct proc_run *run, struct err *err)
{
    CLEANUP(watch_done)
    struct watch w = {.run = run,
                      .pid_fd = -1,
                      .out_fd = -1,
                      .err_fd = -1,
                      .cancel_fd = run->cancel_fd,
                      .kill_ms = CLOCK_NEVER};
    int64_t start_ms = clock_now_ms();
    int r = start_watched(&w, err);
    if (r < 0)
        return r;
    w.deadline_ms = clock_deadline_ms(run->timeout_ms);
    w.sample_ms = run->sample_ms ? start_ms : CLOCK_NEVER;
    while (!w.ended) {
        wait_once(&w);
        handle_time(&w);
    }
    reap(&w);
    run->wall_ms = clock_now_ms() - start_ms;
    r = proc_kill_descendants(&run->keep, run->keep != 0, KILL_TIMEOUT_MS, err);
    run->leftovers = (unsigned)MAX(r, 0);
    for (int i = 0; i < PROC_CHANNELS; i++)
        take_channel(&run->channels[i]);
    if (w.out_fd >= 0)
        sink_drain(&run->out, w.out_fd);
    if (w.err_fd >= 0)
        sink_drain(&run->err, w.err_fd);
    return MIN(r, 0);
}

static bool contains(const pid_t *pids, size_t len, pid_t pid)
{
    for (size_t i = 0; i < len; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/*
 * Kills or reaps each child that is not kept. Returns how many there were, and how many were alive.
 */
static size_t kill_children(const pid_t *keep, size_t keep_len, unsigned *ret_alive)
{
    CLEANUP(mem_freep) pid_t *children = NULL;
    size_t len = pidtree_children(getpid(), &children);
    size_t others = 0;
    *ret_alive = 0;
    for (size_t i = 0; i < len; i++) {
        if (contains(keep, keep_len, children[i]))
            continue;
        others++;
        if (waitpid(children[i], NULL, WNOHANG) != 0)
            continue;
        *ret_alive += 1 + pidtree_kill(children[i]);
        kill(children[i], SIGKILL);
    }
    return others;
}

int proc_kill_descendants(const pid_t *keep, size_t keep_len, int64_t timeout_ms, struct err *err)
{
    int64_t deadline = clock_now_ms() + timeout_ms;
    unsigned first_alive, alive;
    size_t left = kill_children(keep, keep_len, &first_alive);
    while (left > 0) {
        if (clock_now_ms() > deadline)
            return err_set(err, ERR_INTERNAL, ETIMEDOUT, "Some processes of the task survived SIGKILL");
        poll(NULL, 0, 1); /* dying processes need a moment to become our children */
        left = kill_children(keep, keep_len, &alive);
    }
    return (int)first_alive;
}

void proc_describe_end(const struct proc_run *run, char *ret_text, size_t size)
{
    if (run->exited)
        snprintf(ret_text, size, "exit status %d", run->status);
    else
        snprintf(ret_text, size, "signal %d (%s)", run->signal, strsignal(run->signal));
}

char *proc_describe_status(int status)
{
    return WIFEXITED(status) ? mem_printf("exit status %d", WEXITSTATUS(status))
                             : mem_printf("signal %d", WTERMSIG(status));
}
