#include "job/run.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "job/channel.h"
#include "model/state_files.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS   3000
#define TAIL_BYTES 4096

static int open_log(const struct job *job, const char *name, int *ret_fd, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", job->dir, name);
    *ret_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? err_errno(err, errno, "Cannot create %s", path) : 0;
}

/* ---- events of the plugin ---- */

/* Receives events, and measures each test. */
struct listener {
    struct channel channel;
    struct events *events;
    struct proc_run *proc;
    bool until_session;
    const struct strv *may_change; /* NULL: none */
    struct sandbox_run *sandbox;   /* NULL: not measured */
    const struct job *job;
    size_t planned; /* last number that was told */
    unsigned told;
    int64_t memory_told_ms;
};

/* Limit of tests in progress lines. */
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

/* Has the type of proc_run.on_sample. */
static void tell_memory(const struct proc_sample *now, void *data)
{
    struct listener *l = data;
    if (clock_now_ms() - l->memory_told_ms < MEMORY_TOLD_EVERY_MS)
        return;
    uint64_t held = l->sandbox ? sandbox_run_memory_now(l->sandbox) : 0;
    struct progress p = {.kind = PROGRESS_MEMORY, .memory_bytes = held ? held : now->rss_bytes};
    l->memory_told_ms = clock_now_ms();
    job_tell(l->job, &p);
}

/* Has type channel_event_fn. */
static void take_event(enum events_kind kind, pid_t sender, void *data)
{
    struct listener *l = data;
    struct cgroup_usage usage = {.cpu_us = -1};
    if (kind == EVENTS_END) {
        if (l->sandbox)
            sandbox_run_test_end(l->sandbox, &usage);
        events_set_usage(l->events, usage.memory_bytes, usage.cpu_us);
        log_test(events_last_ended(l->events));
        tell_end(l, events_last_ended(l->events));
    }
    if (kind == EVENTS_START)
        tell_start(l);
    if (kind == EVENTS_START && l->sandbox)
        sandbox_run_test_begin(l->sandbox, sender);
}

/* Has the type of proc_channel.take. */
static bool take_messages(int fd, void *data)
{
    struct listener *l = data;
    (void)fd;
    channel_take(&l->channel);
    l->proc->end_now = l->until_session && events_has_session(l->events);
    return true;
}

/*
 * Has type channel_is_original_fn. A file below a symbolic link of the suite counts as the suite's,
 * and so does a module in an archive of the suite. Directories count like files.
 */
static bool is_original(const char *path, void *data)
{
    const struct listener *l = data;
    for (size_t i = 0; l->may_change && i < l->may_change->len; i++)
        if (fnmatch(l->may_change->items[i], path, 0) == 0)
            return true;
    for (const char *end = path; *end; end++) {
        end += strcspn(end, "/");
        CLEANUP(mem_freep)
        char *part = mem_printf("%s/%.*s", l->job->tests, (int)(end - path), path);
        struct stat st;
        if (lstat(part, &st) < 0)
            return false;
        if (!S_ISDIR(st.st_mode) || !*end)
            return true;
    }
    return false;
}

/* ---- the run ---- */

/* Returns the stricter of both limits; 0 if there is none. */
static int64_t limit_ms(const struct job *job, const struct run_wants *wants)
{
    int64_t limit = job->options->timeout_ms;
    return limit && wants->timeout_ms ? MIN(limit, wants->timeout_ms) : MAX(limit, wants->timeout_ms);
}

/* Returns the last line of the file, or NULL. The caller frees. */
static char *last_line_of(int fd)
{
    CLEANUP(buf_done) struct buf tail = BUF_INIT(0);
    off_t size = lseek(fd, 0, SEEK_END);
    lseek(fd, MAX(size - TAIL_BYTES, (off_t)0), SEEK_SET);
    if (fd_read_all(fd, &tail) < 0 || !tail.len)
        return NULL;
    for (size_t i = 0; i < tail.len; i++)
        if (tail.data[i] == '\0') /* it would end the string */
            tail.data[i] = ' ';
    CLEANUP(mem_freep) char *line = buf_last_line(&tail);
    return *line ? TAKE_PTR(line) : NULL;
}

/* Resources of a run that end with it. */
struct parts {
    int out, err;
    struct listener listener;
    struct strv variables;
};

static void parts_done(struct parts *p)
{
    fd_close(p->out);
    fd_close(p->err);
    channel_close(&p->listener.channel);
    strv_done(&p->variables);
}

static int prepare(const struct job *job, const struct env *env, const struct run_wants *wants,
                   struct parts *p, struct err *err)
{
    CLEANUP(mem_freep) char *dir = mem_printf("%s/channel", job->dir);
    strv_extend(&p->variables, &env->variables);
    if (!job_is_sandboxed(job))
        strv_pushf(&p->variables, "OSTEST_CHANNEL=%s", dir);
    int r = open_log(job, STATE_STDOUT, &p->out, err);
    if (r == 0)
        r = open_log(job, STATE_STDERR, &p->err, err);
    if (r == 0)
        r = fs_remove_tree(dir, err);
    return r < 0 ? r : channel_open(&p->listener.channel, dir, wants->names, err);
}

static void listen_to(struct listener *l, const struct job *job, const struct run_wants *wants,
                      struct run *run)
{
    run->events = l->events = events_new();
    l->job = job;
    l->proc = &run->proc;
    l->until_session = wants->until_session;
    l->may_change = wants->may_change;
    l->channel.events = l->events;
    l->channel.on_event = take_event;
    l->channel.is_original = job_is_sandboxed(job) ? is_original : NULL;
    l->channel.data = l;
}

/*
 * Replaces the end of bwrap, our child, by the suite's own, as ostest-init reported it. If the
 * sandbox was killed before that, bwrap's end stays.
 */
static void take_sandbox_end(struct run *run)
{
    struct proc_run *p = &run->proc;
    p->leftovers = run->sandbox.leftovers;
    if (!run->sandbox.ended)
        return;
    p->exited = WIFEXITED(run->sandbox.status);
    p->status = p->exited ? WEXITSTATUS(run->sandbox.status) : 0;
    p->signal = p->exited ? 0 : WTERMSIG(run->sandbox.status);
    p->cpu_ms = run->sandbox.cpu_us / 1000;
}

static int run_in_sandbox(const struct job *job, const struct env *env, const struct run_wants *wants,
                          struct parts *parts, struct run *run, struct err *err)
{
    static const struct strv nothing = {0};
    struct sandbox_run_spec spec = {
        .command = wants->argv,
        .variables = &parts->variables,
        .channel = parts->listener.channel.dir,
        .environment = env->dir,
        .places = &env->places,
        .may_change = wants->may_change ? wants->may_change : &nothing,
        .without_src = wants->without_src,
    };
    int r = sandbox_run_open(job, &spec, &run->sandbox, err);
    if (r < 0)
        return r;
    parts->listener.sandbox = &run->sandbox;
    sandbox_run_attach(&run->sandbox, job, &run->proc);
    r = proc_run(&run->proc, err);
    struct err closing = {0};
    int closed = sandbox_run_close(&run->sandbox, job, &run->proc, r < 0 ? &closing : err);
    if (r < 0 || closed < 0)
        return r < 0 ? r : closed;
    take_sandbox_end(run);
    return 0;
}

static int run_plain(const struct job *job, const struct strv *argv, struct parts *parts, struct run *run,
                     struct err *err)
{
    run->proc.setup.argv = argv;
    run->proc.setup.env = &parts->variables;
    run->proc.setup.cwd = job->tests;
    return proc_run(&run->proc, err);
}

int run_tests(const struct job *job, const struct env *env, const struct run_wants *wants, struct run *run,
              struct err *err)
{
    CLEANUP(parts_done) struct parts parts = {.out = -1, .err = -1};
    channel_init(&parts.listener.channel);
    int r = prepare(job, env, wants, &parts, err);
    if (r < 0)
        return r;
    listen_to(&parts.listener, job, wants, run);
    run->proc = (struct proc_run){
        .setup = {.in_fd = -1},
        .out = {.fd = parts.out, .limit_bytes = wants->output_bytes},
        .err = {.fd = parts.err, .limit_bytes = wants->output_bytes},
        .timeout_ms = limit_ms(job, wants),
        .grace_ms = GRACE_MS,
        .sample_ms = job->options->sample_ms,
        .on_sample = job->tells_progress ? tell_memory : NULL,
        .sample_data = &parts.listener,
        .cancel_fd = job->cancel_fd,
        .channels[1] = {parts.listener.channel.listen_fd, take_messages, &parts.listener,
                        parts.listener.channel.fds},
    };
    r = job_is_sandboxed(job) ? run_in_sandbox(job, env, wants, &parts, run, err)
                              : run_plain(job, wants->argv, &parts, run, err);
    while (r == 0 && channel_take(&parts.listener.channel)) /* all senders have ended */
        ;
    run->loaded = TAKE_PTR(parts.listener.channel.loaded);
    run->was_stopped = parts.listener.channel.was_stopped;
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
    sandbox_run_init(&run->sandbox);
}

void run_done(struct run *run)
{
    free(run->last_words);
    free(run->loaded);
    events_free(run->events);
    sandbox_run_done(&run->sandbox);
    run_init(run);
}
