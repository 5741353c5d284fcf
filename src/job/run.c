#include "job/run.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "job/child.h"
#include "ostest_pytest.py.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS   3000
#define TAIL_BYTES 4096
/* Of one variable, before its last name. */
#define SELECT_BYTES (PROC_STRING_BYTES / 2)

static int open_log(const struct job *job, const char *name, int *ret_fd, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", job->dir, name);
    *ret_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? err_errno(err, errno, "Cannot create %s", path) : 0;
}

/* Compiles it, too: where the tests run, nobody can. Without that it is only slower. */
static int write_plugin(const struct job *job, const struct env *env, const char *dir, const char *path,
                        struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    strv_push(&argv, env->python);
    strv_push(&argv, "-m");
    strv_push(&argv, "compileall");
    strv_push(&argv, "-q");
    strv_push(&argv, dir);
    struct child child = {.doing = "Compiling the pytest plugin",
                          .argv = &argv,
                          .timeout_ms = job->options->timeout_ms,
                          .output_limit_bytes = 65536,
                          .cancel_fd = job->cancel_fd};
    struct err compiling = {0};
    int r = fs_write_atomic(path, ostest_pytest_py, ostest_pytest_py_len, err);
    if (r == 0 && (chmod(path, 0644) < 0 || child_run(&child, NULL, NULL, &compiling) < 0))
        log_debug("%s", compiling.message);
    return r;
}

/* Whether the slots' users can read it: a kill may have come before that. */
static bool is_for_all(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & 0444) == 0444;
}

/*
 * The directory of our plugin: one for all tasks, so that python compiles it once, and named by what
 * is in it, so that two versions of the runner get along. The caller frees.
 */
static int plugin_dir(const struct job *job, const struct env *env, char **ret_dir, struct err *err)
{
    uint64_t hash = hash_add(HASH_START, ostest_pytest_py, ostest_pytest_py_len);
    CLEANUP(mem_freep) char *dir = mem_printf("%s/plugin/%016llx", job->cache_dir, (unsigned long long)hash);
    CLEANUP(mem_freep) char *path = mem_printf("%s/ostest_pytest.py", dir);
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", dir);
    int lock = -1;
    int r = is_for_all(path) ? 0 : fs_make_dirs(dir, 0755, err);
    if (r == 0 && !is_for_all(path))
        r = fs_lock_wait(lock_path, job->cancel_fd, &lock, err);
    if (r == 0 && !is_for_all(path))
        r = write_plugin(job, env, dir, path, err);
    fs_unlock(lock_path, lock);
    if (r == 0)
        *ret_dir = TAKE_PTR(dir);
    return r;
}

/* ---- what the plugin tells, while it does ---- */

/* The events' socket, and the sandbox, which is measured for each test. */
struct listener {
    int ends[2]; /* ours, the plugin's */
    struct events *events;
    struct box *box; /* NULL: none that is measured */
    const struct job *job;
    size_t planned; /* that was told */
    unsigned told;
    int64_t memory_told_ms;
};

/* For the eye: what comes after so many tests, nobody reads. */
#define MAX_TOLD             20000
#define MEMORY_TOLD_EVERY_MS 1000

static void log_test(const struct report_case *c)
{
    CLEANUP(mem_freep) char *name = report_case_name(c);
    int64_t cpu_ms = c->cpu_us / 1000;
    log_fields(LOG_LEVEL_DEBUG, NULL, "test", LOG_TEXT("name", name),
               LOG_TEXT("outcome", report_status_name(c->status)), LOG_NUMBER("ms", c->duration_ms),
               LOG_NUMBER("cpu_ms", cpu_ms), LOG_NUMBER("memory_bytes", c->memory_bytes));
}

static void tell_start(struct listener *l)
{
    if (!l->job->tells_progress)
        return;
    struct progress p = {.kind = PROGRESS_PLANNED, .planned = events_count(l->events)};
    const struct report_case *c = events_last_started(l->events);
    if (!c || ++l->told > MAX_TOLD)
        return;
    if (p.planned != l->planned)
        job_tell(l->job, &p);
    l->planned = p.planned;
    CLEANUP(mem_freep) char *name = report_case_name(c);
    job_tell_text(l->job, PROGRESS_START, name);
}

static void tell_end(const struct listener *l, const struct report_case *c)
{
    if (!l->job->tells_progress || l->told > MAX_TOLD)
        return;
    struct progress p;
    CLEANUP(mem_freep) char *name = report_case_name(c);
    progress_set_text(&p, PROGRESS_END, name);
    p.status = c->status;
    p.ms = c->duration_ms;
    p.cpu_ms = c->cpu_us / 1000;
    p.memory_bytes = c->memory_bytes;
    job_tell(l->job, &p);
}

/* Of type proc_run.on_sample. */
static void tell_memory(const struct proc_sample *now, void *data)
{
    struct listener *l = data;
    if (clock_now_ms() - l->memory_told_ms < MEMORY_TOLD_EVERY_MS)
        return;
    uint64_t held = l->box ? box_memory_now(l->box) : 0;
    struct progress p = {.kind = PROGRESS_MEMORY, .memory_bytes = held ? held : now->rss_bytes};
    l->memory_told_ms = clock_now_ms();
    job_tell(l->job, &p);
}

static void take_event(struct listener *l, const char *message, size_t len, pid_t sender)
{
    struct cgroup_usage usage = {.cpu_us = -1};
    enum events_kind kind = events_take(l->events, message, len);
    if (kind == EVENTS_END) {
        if (l->box)
            box_test_end(l->box, &usage);
        events_set_usage(l->events, usage.memory_bytes, usage.cpu_us);
        log_test(events_last_ended(l->events));
        tell_end(l, events_last_ended(l->events));
    }
    if (kind == EVENTS_START)
        tell_start(l);
    if (kind != EVENTS_START || !l->box)
        return;
    box_test_begin(l->box, sender);
    if (send(l->ends[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug("the tests do not wait for our answer: %s", strerror(errno));
}

/* The process that sent a message, as the kernel says. */
static pid_t sender_of(struct msghdr *m)
{
    struct ucred who = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
            memcpy(&who, CMSG_DATA(c), sizeof(who));
    return who.pid;
}

/* Of type proc_channel.take. */
static bool take_events(int fd, void *data)
{
    static char message[EVENTS_MAX_MESSAGE_BYTES];
    union {
        char space[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    for (;;) {
        struct iovec text = {message, sizeof(message)};
        struct msghdr m = {
            .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        take_event(data, message, (size_t)n, sender_of(&m));
    }
}

static int open_listener(struct listener *l, struct err *err)
{
    int on = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, l->ends) < 0 ||
        setsockopt(l->ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
        return err_errno(err, errno, "Cannot create a socket");
    return 0;
}

static void listener_done(struct listener *l)
{
    fd_close(l->ends[0]);
    fd_close(l->ends[1]);
}

/* One a line, in as many variables as they need. */
static void push_names(const struct strv *names, struct strv *variables)
{
    size_t number = 0;
    for (size_t i = 0; i < names->len;) {
        CLEANUP(buf_done) struct buf text = BUF_INIT(0);
        for (; i < names->len && text.len < SELECT_BYTES; i++)
            buf_printf(&text, "%s\n", names->items[i]);
        strv_pushf(variables, "OSTEST_SELECT_%zu=%s", number++, text.data);
    }
}

/* Has python load the plugin. */
static void push_variables(const struct job *job, enum run_plugin plugin, const char *dir,
                           const struct listener *l, struct strv *variables)
{
    strv_pushf(variables, "PYTHONPATH=%s", job_is_boxed(job) ? BOX_PLUGIN : dir);
    strv_push(variables, "PYTEST_ADDOPTS=-p ostest_pytest");
    strv_pushf(variables, "OSTEST_EVENTS_FD=%d", l->ends[1]);
    if (job_is_boxed(job))
        strv_push(variables, "OSTEST_EVENTS_ACK=1");
    if (plugin == RUN_PLUGIN_SELECTS)
        push_names(&job->task.tests, variables);
}

/* ---- the run ---- */

/* The last line in the file; NULL where there is none. The caller frees. */
static char *last_line_of(int fd)
{
    CLEANUP(buf_done) struct buf tail = BUF_INIT(0);
    off_t size = lseek(fd, 0, SEEK_END);
    lseek(fd, MAX(size - TAIL_BYTES, (off_t)0), SEEK_SET);
    if (fd_read_all(fd, &tail) < 0 || !tail.len)
        return NULL;
    for (size_t i = 0; i < tail.len; i++)
        if (tail.data[i] == '\0') /* it would end the text */
            tail.data[i] = ' ';
    CLEANUP(mem_freep) char *line = buf_last_line(&tail);
    return *line ? TAKE_PTR(line) : NULL;
}

/* What a run is made of, beside what comes out. */
struct parts {
    int out, err;
    struct listener listener;
    char *plugin_dir; /* NULL: not loaded */
    struct strv variables;
};

static void parts_done(struct parts *p)
{
    fd_close(p->out);
    fd_close(p->err);
    listener_done(&p->listener);
    strv_done(&p->variables);
    free(p->plugin_dir);
}

static int prepare(const struct job *job, const struct env *env, enum run_plugin plugin, struct parts *p,
                   struct err *err)
{
    strv_extend(&p->variables, &env->variables);
    int r = open_log(job, "stdout.log", &p->out, err);
    if (r == 0)
        r = open_log(job, "stderr.log", &p->err, err);
    if (r < 0 || plugin == RUN_PLUGIN_NONE)
        return r;
    r = plugin_dir(job, env, &p->plugin_dir, err);
    if (r == 0)
        r = open_listener(&p->listener, err);
    if (r == 0)
        push_variables(job, plugin, p->plugin_dir, &p->listener, &p->variables);
    return r;
}

/* With a sandbox, the child was bwrap: what counts is what ostest-init told of the suite. */
static void take_box_end(struct run *run)
{
    struct proc_run *p = &run->proc;
    p->exited = run->box.ended && WIFEXITED(run->box.status);
    p->status = p->exited ? WEXITSTATUS(run->box.status) : 0;
    p->signal = run->box.ended && WIFSIGNALED(run->box.status) ? WTERMSIG(run->box.status) : SIGKILL;
    if (run->box.ended)
        p->cpu_ms = run->box.cpu_us / 1000;
    p->leftovers = run->box.leftovers;
}

static int run_boxed(const struct job *job, const struct env *env, const struct run_wants *run_wants,
                     struct parts *parts, struct run *run, struct err *err)
{
    static const struct strv nothing = {0};
    struct box_wants wants = {
        .command = run_wants->argv,
        .variables = &parts->variables,
        .plugin = parts->plugin_dir,
        .places = &env->places,
        .may_change = run_wants->may_change ? run_wants->may_change : &nothing,
        .without_src = run_wants->without_src,
        .events_fd = parts->listener.ends[1],
    };
    int r = box_open(job, &wants, &run->box, err);
    if (r < 0)
        return r;
    parts->listener.box = &run->box;
    box_attach(&run->box, job, &run->proc);
    r = proc_run(&run->proc, err);
    struct err closing = {0};
    int closed = box_close(&run->box, job, &run->proc, r < 0 ? &closing : err);
    if (r < 0 || closed < 0)
        return r < 0 ? r : closed;
    take_box_end(run);
    return 0;
}

static int run_plain(const struct job *job, const struct strv *argv, struct parts *parts, struct run *run,
                     struct err *err)
{
    run->proc.setup.argv = argv;
    run->proc.setup.env = &parts->variables;
    run->proc.setup.cwd = job->tests;
    run->proc.setup.keep_fds = &parts->listener.ends[1];
    run->proc.setup.keep_fds_len = parts->listener.ends[1] >= 0;
    return proc_run(&run->proc, err);
}

int run_tests(const struct job *job, const struct env *env, const struct run_wants *wants, struct run *run,
              struct err *err)
{
    CLEANUP(parts_done) struct parts parts = {.out = -1, .err = -1, .listener.ends = {-1, -1}};
    int r = prepare(job, env, wants->plugin, &parts, err);
    if (r < 0)
        return r;
    run->events = parts.listener.events = events_new();
    parts.listener.job = job;
    run->proc = (struct proc_run){
        .setup = {.in_fd = -1},
        .out = {.fd = parts.out, .limit_bytes = wants->output_bytes},
        .err = {.fd = parts.err, .limit_bytes = wants->output_bytes},
        .timeout_ms = job->options->timeout_ms,
        .grace_ms = GRACE_MS,
        .sample_ms = job->options->sample_ms,
        .on_sample = job->tells_progress ? tell_memory : NULL,
        .sample_data = &parts.listener,
        .cancel_fd = job->cancel_fd,
        .channels[1] = {parts.listener.ends[0], wants->plugin == RUN_PLUGIN_NONE ? NULL : take_events,
                        &parts.listener},
    };
    r = job_is_boxed(job) ? run_boxed(job, env, wants, &parts, run, err)
                          : run_plain(job, wants->argv, &parts, run, err);
    if (r < 0)
        return r;
    if (run->proc.cancelled)
        return err_set(err, ERR_CANCELLED, ECANCELED, "The test run was stopped");
    run->last_words = last_line_of(parts.err);
    if (!run->last_words)
        run->last_words = last_line_of(parts.out);
    return 0;
}

void run_init(struct run *run)
{
    *run = (struct run){0};
    box_init(&run->box);
}

void run_done(struct run *run)
{
    free(run->last_words);
    events_free(run->events);
    box_done(&run->box);
    run_init(run);
}
