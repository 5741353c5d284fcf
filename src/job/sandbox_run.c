#include "job/sandbox_run.h"

#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "job/etc_cache.h"
#include "model/state_files.h"
#include "sandbox/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * First of a range that no system assigns: above systemd's container range, below the highest id.
 */
#define SLOT_UID_BASE 1900000000

/* Covered by a tmpfs for bwrap, which takes nothing from the host's /tmp by name. */
#define STAGE_DIR "/tmp"

/* Without control groups, the limit counts all the user's processes in the sandbox, with pid 1. */
#define OWN_PROCESSES 1

/* With a group, the group must refuse a process first, since it counts refusals. */
#define PIDS_MARGIN 64

/* Interval of samples of Slurm's group; a sample takes some microseconds. */
#define SLURM_SAMPLE_MS 10

/* ---- messages of ostest-init ---- */

static void take_text(char **ret_text, const struct box_message *m)
{
    free(*ret_text);
    *ret_text = mem_strndup(m->text, m->len);
}

static void take_report(struct sandbox_run *s, const struct box_message *m)
{
    const char *fault = NULL;
    s->report_bytes += m->len;
    if (s->report_bytes > BOX_REPORT_MAX_BYTES)
        fault = "The tests' report is larger than 256 MB";
    else if (fd_write_all(s->report_fd, m->text, m->len) < 0)
        fault = "The tests' report could not be saved";
    if (fault && !s->no_report)
        s->no_report = mem_strdup(fault);
}

static void take_message(struct sandbox_run *s, const struct box_message *m)
{
    switch (m->kind) {
    case BOX_FAILED:
        take_text(&s->failed, m);
        s->failed_code = m->value;
        break;
    case BOX_STARTED:
        s->started = true;
        break;
    case BOX_FULL:
        s->full[m->value == BOX_FULL_INODES ? BOX_FULL_INODES : BOX_FULL_BYTES] = true;
        break;
    case BOX_COPIED:
        take_text(&s->copied, m);
        log_info("the suite's files are copied, since there is no overlay: %s", s->copied);
        break;
    case BOX_CHANGED:
        take_text(&s->changed, m);
        s->change_is_new = m->value != 0;
        break;
    case BOX_NO_REPORT:
        take_text(&s->no_report, m);
        break;
    case BOX_REPORT_IS:
        take_report(s, m);
        break;
    case BOX_ENDED:
        s->ended = true;
        s->status = m->value;
        s->cpu_us = m->cpu_us;
        s->leftovers = m->leftovers;
        break;
    default:
        break;
    }
}

/*
 * Receives a message. A descriptor that comes with it is ostest-init's watch over the suite's
 * directories. It stays open until the job exits, after the result is written: the kernel waits for
 * a grace period at its last close.
 */
static ssize_t receive(int fd, struct box_message *m)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec text = {.iov_base = m, .iov_len = sizeof(*m)};
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    return recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
}

/* Has the type of proc_channel.take. */
static bool take_messages(int fd, void *data)
{
    static struct box_message m;
    ssize_t n;
    while ((n = receive(fd, &m)) > 0)
        if ((size_t)n >= BOX_HEADER_BYTES && m.len <= (size_t)n - BOX_HEADER_BYTES)
            take_message(data, &m);
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* ---- starting ---- */

/*
 * Returns a name that is the same for each run in this directory, to find leftovers. The caller
 * frees.
 */
static char *group_name(const struct job *job)
{
    return mem_printf("ostest-%016" PRIx64, hash_add(HASH_START, job->dir, strlen(job->dir)));
}

int sandbox_run_clean(const struct job *job, struct err *err)
{
    CLEANUP(mem_freep) char *name = group_name(job);
    struct cgroup_parents parents;
    cgroup_find(&parents);
    int r = cgroup_remove(&parents, name, err);
    cgroup_parents_done(&parents);
    return r;
}

static int make_group(const struct job *job, struct cgroup *ret_group, struct err *err)
{
    CLEANUP(mem_freep) char *name = group_name(job);
    struct cgroup_limits limits = {
        .memory_bytes = job->options->memory_bytes, .cpus = job->options->cpus, .pids = job->options->pids};
    struct cgroup_parents parents;
    cgroup_find(&parents);
    int r = cgroup_create(&parents, name, &limits, ret_group, err);
    if (parents.kind == CGROUP_NONE)
        log_debug("no control groups: %s", parents.why);
    cgroup_parents_done(&parents);
    return r;
}

/* Refuses a limit of Slurm's below --memory: it would fail students who stay within --memory. */
static int open_slurm(const struct job *job, struct sandbox_run *s, struct err *err)
{
    cgroup_slurm_find(job->cluster_job, &s->slurm);
    if (s->slurm.limit_bytes < job->options->memory_bytes)
        return err_set(err, ERR_ENVIRONMENT, EINVAL,
                       "Slurm limits the job to %llu MB of memory, less than the %llu MB of --memory: the "
                       "operator should raise --mem in --slurm-args",
                       (unsigned long long)(s->slurm.limit_bytes >> 20),
                       (unsigned long long)(job->options->memory_bytes >> 20));
    return 0;
}

/* Prepares sampling of Slurm's group if the task has no group of its own. */
static int open_sampling(struct sandbox_run *s, struct err *err)
{
    if (s->group.kind != CGROUP_NONE || !s->slurm.dir)
        return 0;
    log_debug("memory is measured in Slurm's group %s", s->slurm.dir);
    cgroup_slurm_run_begin(&s->slurm);
    s->sample_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return s->sample_fd < 0 ? err_errno(err, errno, "Cannot create a timer") : 0;
}

/* ---- access for another user ---- */

/*
 * Returns the path at which bwrap finds `path`. If the job is root, bwrap runs as the slot's user,
 * who cannot traverse our directories: root binds what bwrap mounts below STAGE_DIR first, in a
 * mount namespace that only bwrap sees. The caller frees.
 */
static char *stage(struct sandbox_run *s, const char *path)
{
    if (!path || !s->uid)
        return mem_strdup(path);
    struct sandbox_run_stage *next = &s->stages[s->stages_len];
    next->source = mem_strdup(path);
    next->path = mem_printf(STAGE_DIR "/%d", s->stages_len++);
    return mem_strdup(next->path);
}

/* Has the type of proc_setup.prepare; runs between fork and exec. */
static int bind_stages(void *data)
{
    const struct sandbox_run *s = data;
    int fds[ARRAY_LEN(s->stages)];
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    for (int i = 0; i < s->stages_len; i++) /* before the mount may cover them */
        fds[i] = open(s->stages[i].source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount("tmpfs", STAGE_DIR, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
        return -errno;
    for (int i = 0; i < s->stages_len; i++) {
        char source[32];
        snprintf(source, sizeof(source), "/proc/self/fd/%d", fds[i]);
        if (mkdir(s->stages[i].path, 0755) < 0 ||
            mount(source, s->stages[i].path, NULL, MS_BIND | MS_REC, NULL) < 0)
            return -errno;
    }
    return 0;
}

static int make_command(const struct job *job, const struct sandbox_run_spec *spec, struct sandbox_run *s,
                        struct err *err)
{
    CLEANUP(mem_freep) char *host_etc = NULL;
    int r = etc_cache_take(job->cache_dir, job->cancel_fd, &host_etc, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *etc = stage(s, host_etc);
    CLEANUP(mem_freep) char *program_dir = fs_program_dir();
    CLEANUP(mem_freep) char *init = mem_printf("%s/ostest-init", program_dir);
    CLEANUP(mem_freep) char *src = stage(s, spec->without_src ? NULL : job->src);
    CLEANUP(mem_freep) char *tests = stage(s, job->tests);
    CLEANUP(mem_freep) char *channel = stage(s, spec->channel);
    CLEANUP(mem_freep) char *environment = stage(s, spec->environment);
    CLEANUP(strv_done) struct strv sources = {0};
    for (size_t i = 0; i < MIN(spec->places->len, (size_t)SANDBOX_RUN_MAX_PLACES); i++)
        strv_take(&sources, stage(s, spec->places->items[i]));
    struct bwrap_setup setup = {
        .init = init,
        .src = src,
        .tests = tests,
        .channel = channel,
        .environment = environment,
        .etc = etc,
        .places = spec->places,
        .sources = &sources,
        .env = spec->variables,
        .may_change = spec->may_change,
        .disk_bytes = job->options->disk_bytes,
        .inodes = (uint64_t)job->options->inodes,
        .pids = job->options->pids + (s->group.kind == CGROUP_NONE ? OWN_PROCESSES : PIDS_MARGIN),
        .host_network = job->options->network == JOB_NETWORK_HOST,
        .control_fd = s->control[1],
        .userns_fd = s->userns_fd,
    };
    r = bwrap_build(&setup, &s->bwrap, err);
    if (r == 0)
        strv_extend(&s->bwrap.argv, spec->command);
    return r;
}

static int open_channels(const struct job *job, struct sandbox_run *s, struct err *err)
{
    s->report_fd = open(job->report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (s->report_fd < 0)
        return err_errno(err, errno, "Cannot create %s", job->report);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->control) < 0)
        return err_errno(err, errno, "Cannot create a socket");
    return 0;
}

void sandbox_run_init(struct sandbox_run *s)
{
    *s = (struct sandbox_run){
        .control = {-1, -1}, .report_fd = -1, .userns_fd = -1, .sample_fd = -1, .group.peak_fd = -1};
    s->cgroup_fds = (struct cgroup_fds){.dir_fd = -1, .procs_fd = -1};
    for (int i = 0; i < CGROUP_TREES; i++)
        s->cgroup_fds.tasks_fds[i] = -1;
}

static void keep_fd(struct sandbox_run *s, int fd)
{
    if (fd >= 0)
        s->keep_fds[s->keep_fds_len++] = fd;
}

int sandbox_run_open(const struct job *job, const struct sandbox_run_spec *spec,
                     struct sandbox_run *ret_sandbox, struct err *err)
{
    struct sandbox_run sandbox;
    sandbox_run_init(&sandbox);
    sandbox.uid = geteuid() == 0 ? (uid_t)(SLOT_UID_BASE + job->slot) : 0;
    int r = open_channels(job, &sandbox, err);
    if (r == 0 && sandbox.uid)
        r = userns_open(sandbox.uid, &sandbox.userns_fd, err);
    if (r == 0)
        r = open_slurm(job, &sandbox, err);
    if (r == 0)
        r = make_group(job, &sandbox.group, err);
    if (r == 0)
        r = open_sampling(&sandbox, err);
    if (r == 0)
        r = cgroup_open_fds(&sandbox.group, &sandbox.cgroup_fds, err);
    if (r == 0)
        r = make_command(job, spec, &sandbox, err);
    sandbox.group_kind = sandbox.group.kind;
    for (int i = 0; i < sandbox.bwrap.fds_len; i++)
        keep_fd(&sandbox, sandbox.bwrap.fds[i]);
    keep_fd(&sandbox, sandbox.control[1]);
    keep_fd(&sandbox, sandbox.userns_fd);
    *ret_sandbox = sandbox;
    if (r < 0) {
        cgroup_destroy(&ret_sandbox->group, NULL);
        sandbox_run_done(ret_sandbox);
    }
    return r;
}

/* ---- measuring ---- */

bool sandbox_run_is_in_slurms(const struct sandbox_run *s)
{
    return s->sample_fd >= 0;
}

static void set_sampling(const struct sandbox_run *s, int64_t every_ms)
{
    const struct timespec every = {.tv_nsec = every_ms * 1000000};
    /* all zero: stopped */
    const struct itimerspec when = {.it_interval = every, .it_value = every};
    timerfd_settime(s->sample_fd, 0, &when, NULL);
}

/* Has the type of proc_channel.take. */
static bool take_samples(int fd, void *data)
{
    struct sandbox_run *s = data;
    uint64_t times;
    if (read(fd, &times, sizeof(times)) == sizeof(times))
        cgroup_slurm_sample(&s->slurm);
    return true;
}

void sandbox_run_test_begin(struct sandbox_run *s, pid_t pid)
{
    cgroup_test_begin(&s->group, pid);
    if (!sandbox_run_is_in_slurms(s))
        return;
    cgroup_slurm_test_begin(&s->slurm);
    set_sampling(s, SLURM_SAMPLE_MS);
}

void sandbox_run_test_end(struct sandbox_run *s, struct cgroup_usage *ret_usage)
{
    cgroup_test_end(&s->group, ret_usage);
    if (!sandbox_run_is_in_slurms(s))
        return;
    set_sampling(s, 0);
    ret_usage->memory_bytes = cgroup_slurm_test_end(&s->slurm);
}

uint64_t sandbox_run_memory_now(const struct sandbox_run *s)
{
    return sandbox_run_is_in_slurms(s) ? cgroup_slurm_memory_now(&s->slurm) : cgroup_memory_now(&s->group);
}

/* ---- the run ---- */

void sandbox_run_attach(struct sandbox_run *s, const struct job *job, struct proc_run *run)
{
    run->setup.argv = &s->bwrap.argv;
    run->setup.keep_fds = s->keep_fds;
    run->setup.keep_fds_len = s->keep_fds_len;
    run->setup.entry_fds = s->cgroup_fds.tasks_fds;
    run->setup.entry_fds_len = ARRAY_LEN(s->cgroup_fds.tasks_fds);
    run->setup.into_fd = s->cgroup_fds.dir_fd;
    run->setup.into_entry_fd = s->cgroup_fds.procs_fd;
    run->setup.uid = s->uid;
    run->setup.prepare = s->uid ? bind_stages : NULL;
    run->setup.prepare_data = s;
    run->channels[0] = (struct proc_channel){.fd = s->control[0], .take = take_messages, .data = s};
    if (sandbox_run_is_in_slurms(s))
        run->channels[2] = (struct proc_channel){.fd = s->sample_fd, .take = take_samples, .data = s};
    if (s->group.kind == CGROUP_NONE)
        run->rss_limit_bytes = job->options->memory_bytes;
}

/* ---- the end ---- */

/* Explains why the suite did not start. Returns 0 if it did, or was stopped before it could. */
static int judge_start(const struct sandbox_run *s, const struct job *job, const struct proc_run *run,
                       struct err *err)
{
    if (s->failed_code == ENOSPC || s->failed_code == EDQUOT)
        return err_set(err, ERR_LIMIT, ENOSPC,
                       "The files of the student and the suite exceed the limits of %llu MB and %lld files "
                       "(--disk, --inodes)",
                       (unsigned long long)(job->options->disk_bytes >> 20), (long long)job->options->inodes);
    if (s->failed_code == ELOOP)
        return err_set(err, ERR_LIMIT, ELOOP,
                       "The student's directories, or the suite's, are nested too deeply");
    if (s->failed)
        return err_set(err, ERR_ENVIRONMENT, EIO, "The test run could not be started: %s", s->failed);
    if (s->started || run->timed_out || run->cancelled || s->hits.memory)
        return 0;
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_STDERR, job->dir);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    fs_read_file(path, 65536, &text, NULL);
    CLEANUP(mem_freep) char *words = buf_last_line(&text);
    return err_set(err, ERR_ENVIRONMENT, EIO, "The sandbox could not be started: %s",
                   *words ? words : "bubblewrap printed nothing");
}

/* Returns an error if the kernel killed processes although no limit of the task was reached. */
static int judge_kills(const struct sandbox_run *s, const struct proc_run *run, struct err *err)
{
    if (!s->hits.memory || s->hits.was_full || run->cancelled)
        return 0;
    return err_set(err, ERR_ENVIRONMENT, ENOMEM,
                   "The machine ran out of memory, and %llu processes of the job were killed",
                   (unsigned long long)s->hits.memory);
}

int sandbox_run_close(struct sandbox_run *s, const struct job *job, const struct proc_run *run,
                      struct err *err)
{
    cgroup_read_hits(&s->group, &s->hits);
    if (sandbox_run_is_in_slurms(s))
        cgroup_slurm_read_hits(&s->slurm, &s->hits);
    int r = cgroup_destroy(&s->group, err);
    if (r == 0)
        r = judge_kills(s, run, err);
    return r < 0 ? r : judge_start(s, job, run, err);
}

void sandbox_run_done(struct sandbox_run *s)
{
    bwrap_done(&s->bwrap);
    cgroup_close_fds(&s->cgroup_fds);
    fd_close(s->control[0]);
    fd_close(s->control[1]);
    fd_close(s->report_fd);
    fd_close(s->userns_fd);
    fd_close(s->sample_fd);
    cgroup_slurm_done(&s->slurm);
    for (int i = 0; i < s->stages_len; i++) {
        free(s->stages[i].source);
        free(s->stages[i].path);
    }
    free(s->failed);
    free(s->copied);
    free(s->changed);
    free(s->no_report);
    sandbox_run_init(s);
}
