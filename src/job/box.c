#include "job/box.h"

#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "job/etc_cache.h"
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

/* No system gives these to anybody: between systemd's container range and the highest user. */
#define SLOT_UID_BASE 1900000000

/* Covered in that namespace; all that bwrap takes from the host by name lies elsewhere. */
#define STAGE_DIR "/tmp"

/* Where the machine offers no control groups, all processes count that the user has in the sandbox, pid 1
 * too. */
#define OWN_PROCESSES 1

/* Where it does, the group is to be the first to refuse, since it counts how often it did. */
#define PIDS_MARGIN 64

/* Between samples of Slurm's group: one costs some microseconds. */
#define SLURM_SAMPLE_MS 10

/* ---- what ostest-init tells ---- */

static void take_text(char **ret_text, const struct box_message *m)
{
    free(*ret_text);
    *ret_text = mem_strndup(m->text, m->len);
}

static void take_report(struct box *box, const struct box_message *m)
{
    const char *fault = NULL;
    box->report_bytes += m->len;
    if (box->report_bytes > BOX_REPORT_MAX_BYTES)
        fault = "The tests' report is larger than 256 MB";
    else if (fd_write_all(box->report_fd, m->text, m->len) < 0)
        fault = "The tests' report could not be kept";
    if (fault && !box->no_report)
        box->no_report = mem_strdup(fault);
}

static void take_message(struct box *box, const struct box_message *m)
{
    switch (m->kind) {
    case BOX_FAILED:
        take_text(&box->failed, m);
        box->failed_code = m->value;
        break;
    case BOX_STARTED:
        box->started = true;
        break;
    case BOX_FULL:
        box->full[m->value == BOX_FULL_INODES ? BOX_FULL_INODES : BOX_FULL_BYTES] = true;
        break;
    case BOX_COPIED:
        take_text(&box->copied, m);
        log_info("the suite's files are copied, since there is no overlay: %s", box->copied);
        break;
    case BOX_CHANGED:
        take_text(&box->changed, m);
        box->change_is_new = m->value != 0;
        break;
    case BOX_NO_REPORT:
        take_text(&box->no_report, m);
        break;
    case BOX_REPORT_IS:
        take_report(box, m);
        break;
    case BOX_ENDED:
        box->ended = true;
        box->status = m->value;
        box->cpu_us = m->cpu_us;
        box->leftovers = m->leftovers;
        break;
    default:
        break;
    }
}

/*
 * A descriptor that comes with a message is ostest-init's watch over the suite's directories. It stays open
 * until we exit: the kernel waits for a grace period at its last close, and by then the result is written.
 */
static ssize_t receive(int fd, struct box_message *m)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec text = {m, sizeof(*m)};
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    return recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
}

/* Of type proc_channel.take. */
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

/* The same for each run of this directory, so that what was left is found. The caller frees. */
static char *group_name(const struct job *job)
{
    return mem_printf("ostest-%016" PRIx64, hash_add(HASH_START, job->dir, strlen(job->dir)));
}

int box_clean(const struct job *job, struct err *err)
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
    struct cgroup_limits limits = {job->options->memory_bytes, job->options->cpus, job->options->pids};
    struct cgroup_parents parents;
    cgroup_find(&parents);
    int r = cgroup_create(&parents, name, &limits, ret_group, err);
    if (parents.kind == CGROUP_NONE)
        log_debug("no control groups: %s", parents.why);
    cgroup_parents_done(&parents);
    return r;
}

/* A lower limit than ours would fail students who keep to theirs. */
static int open_slurm(const struct job *job, struct box *box, struct err *err)
{
    cgroup_slurm_find(job->cluster_job, &box->slurm);
    if (box->slurm.limit_bytes < job->options->memory_bytes)
        return err_set(err, ERR_ENVIRONMENT, EINVAL,
                       "Slurm limits the job to %llu MB of memory, less than the %llu MB of --memory: the "
                       "operator should raise --mem in --slurm-args",
                       (unsigned long long)(box->slurm.limit_bytes >> 20),
                       (unsigned long long)(job->options->memory_bytes >> 20));
    return 0;
}

/* Where the task has no group of its own, Slurm's is looked at again and again while a test runs. */
static int open_sampling(struct box *box, struct err *err)
{
    if (box->group.kind != CGROUP_NONE || !box->slurm.dir)
        return 0;
    log_debug("memory is measured in Slurm's group %s", box->slurm.dir);
    cgroup_slurm_run_begin(&box->slurm);
    box->sample_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return box->sample_fd < 0 ? err_errno(err, errno, "Cannot create a timer") : 0;
}

/* ---- the way in for another user ---- */

/*
 * Started as root, bwrap runs as the slot's user, who may not pass through our directories. So what it
 * is to mount is bound to places of our own first, by root, in a mount namespace that only it will see.
 */
static char *stage(struct box *box, const char *path)
{
    if (!path || !box->uid)
        return mem_strdup(path);
    struct box_stage *s = &box->stages[box->stages_len];
    s->source = mem_strdup(path);
    s->path = mem_printf(STAGE_DIR "/%d", box->stages_len++);
    return mem_strdup(s->path);
}

/* Of type proc_setup.prepare; between fork and exec. */
static int bind_stages(void *data)
{
    const struct box *box = data;
    int fds[ARRAY_LEN(box->stages)];
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    for (int i = 0; i < box->stages_len; i++) /* before they may be covered */
        fds[i] = open(box->stages[i].source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount("tmpfs", STAGE_DIR, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
        return -errno;
    for (int i = 0; i < box->stages_len; i++) {
        char source[32];
        snprintf(source, sizeof(source), "/proc/self/fd/%d", fds[i]);
        if (mkdir(box->stages[i].path, 0755) < 0 ||
            mount(source, box->stages[i].path, NULL, MS_BIND | MS_REC, NULL) < 0)
            return -errno;
    }
    return 0;
}

static int make_command(const struct job *job, const struct box_wants *wants, struct box *box,
                        struct err *err)
{
    CLEANUP(mem_freep) char *host_etc = NULL;
    int r = etc_cache_take(job->cache_dir, job->cancel_fd, &host_etc, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *etc = stage(box, host_etc);
    CLEANUP(mem_freep) char *program_dir = fs_program_dir();
    CLEANUP(mem_freep) char *init = mem_printf("%s/ostest-init", program_dir);
    CLEANUP(mem_freep) char *src = stage(box, wants->without_src ? NULL : job->src);
    CLEANUP(mem_freep) char *tests = stage(box, job->tests);
    CLEANUP(mem_freep) char *channel = stage(box, wants->channel);
    CLEANUP(mem_freep) char *environment = stage(box, wants->environment);
    CLEANUP(strv_done) struct strv sources = {0};
    for (size_t i = 0; i < MIN(wants->places->len, (size_t)BOX_MAX_PLACES); i++)
        strv_take(&sources, stage(box, wants->places->items[i]));
    struct bwrap_setup setup = {
        .init = init,
        .src = src,
        .tests = tests,
        .channel = channel,
        .environment = environment,
        .etc = etc,
        .places = wants->places,
        .sources = &sources,
        .env = wants->variables,
        .may_change = wants->may_change,
        .disk_bytes = job->options->disk_bytes,
        .inodes = (uint64_t)job->options->inodes,
        .pids = job->options->pids + (box->group.kind == CGROUP_NONE ? OWN_PROCESSES : PIDS_MARGIN),
        .host_network = job->options->network == JOB_NETWORK_HOST,
        .control_fd = box->control[1],
        .userns_fd = box->userns_fd,
    };
    r = bwrap_build(&setup, &box->bwrap, err);
    if (r == 0)
        strv_extend(&box->bwrap.argv, wants->command);
    return r;
}

static int open_channels(const struct job *job, struct box *box, struct err *err)
{
    box->report_fd = open(job->report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (box->report_fd < 0)
        return err_errno(err, errno, "Cannot create %s", job->report);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, box->control) < 0)
        return err_errno(err, errno, "Cannot create a socket");
    return 0;
}

void box_init(struct box *box)
{
    *box = (struct box){
        .control = {-1, -1}, .report_fd = -1, .userns_fd = -1, .sample_fd = -1, .group.peak_fd = -1};
    box->cgroup_fds = (struct cgroup_fds){.dir_fd = -1, .procs_fd = -1};
    for (int i = 0; i < CGROUP_TREES; i++)
        box->cgroup_fds.tasks_fds[i] = -1;
}

static void keep_fd(struct box *box, int fd)
{
    if (fd >= 0)
        box->keep_fds[box->keep_fds_len++] = fd;
}

int box_open(const struct job *job, const struct box_wants *wants, struct box *ret_box, struct err *err)
{
    struct box box;
    box_init(&box);
    box.uid = geteuid() == 0 ? (uid_t)(SLOT_UID_BASE + job->slot) : 0;
    int r = open_channels(job, &box, err);
    if (r == 0 && box.uid)
        r = userns_open(box.uid, &box.userns_fd, err);
    if (r == 0)
        r = open_slurm(job, &box, err);
    if (r == 0)
        r = make_group(job, &box.group, err);
    if (r == 0)
        r = open_sampling(&box, err);
    if (r == 0)
        r = cgroup_open_fds(&box.group, &box.cgroup_fds, err);
    if (r == 0)
        r = make_command(job, wants, &box, err);
    box.group_kind = box.group.kind;
    for (int i = 0; i < box.bwrap.fds_len; i++)
        keep_fd(&box, box.bwrap.fds[i]);
    keep_fd(&box, box.control[1]);
    keep_fd(&box, box.userns_fd);
    *ret_box = box;
    if (r < 0) {
        cgroup_destroy(&ret_box->group, NULL);
        box_done(ret_box);
    }
    return r;
}

/* ---- measuring ---- */

bool box_is_in_slurms(const struct box *box)
{
    return box->sample_fd >= 0;
}

static void set_sampling(const struct box *box, int64_t every_ms)
{
    const struct timespec every = {.tv_nsec = every_ms * 1000000};
    const struct itimerspec when = {every, every}; /* all zero: never */
    timerfd_settime(box->sample_fd, 0, &when, NULL);
}

/* Of type proc_channel.take. */
static bool take_samples(int fd, void *data)
{
    struct box *box = data;
    uint64_t times;
    if (read(fd, &times, sizeof(times)) == sizeof(times))
        cgroup_slurm_sample(&box->slurm);
    return true;
}

void box_test_begin(struct box *box, pid_t pid)
{
    cgroup_test_begin(&box->group, pid);
    if (!box_is_in_slurms(box))
        return;
    cgroup_slurm_test_begin(&box->slurm);
    set_sampling(box, SLURM_SAMPLE_MS);
}

void box_test_end(struct box *box, struct cgroup_usage *ret_usage)
{
    cgroup_test_end(&box->group, ret_usage);
    if (!box_is_in_slurms(box))
        return;
    set_sampling(box, 0);
    ret_usage->memory_bytes = cgroup_slurm_test_end(&box->slurm);
}

uint64_t box_memory_now(const struct box *box)
{
    return box_is_in_slurms(box) ? cgroup_slurm_memory_now(&box->slurm) : cgroup_memory_now(&box->group);
}

/* ---- the run ---- */

void box_attach(struct box *box, const struct job *job, struct proc_run *run)
{
    run->setup.argv = &box->bwrap.argv;
    run->setup.keep_fds = box->keep_fds;
    run->setup.keep_fds_len = box->keep_fds_len;
    run->setup.entry_fds = box->cgroup_fds.tasks_fds;
    run->setup.entry_fds_len = ARRAY_LEN(box->cgroup_fds.tasks_fds);
    run->setup.into_fd = box->cgroup_fds.dir_fd;
    run->setup.into_entry_fd = box->cgroup_fds.procs_fd;
    run->setup.uid = box->uid;
    run->setup.prepare = box->uid ? bind_stages : NULL;
    run->setup.prepare_data = box;
    run->channels[0] = (struct proc_channel){.fd = box->control[0], .take = take_messages, .data = box};
    if (box_is_in_slurms(box))
        run->channels[2] = (struct proc_channel){.fd = box->sample_fd, .take = take_samples, .data = box};
    if (box->group.kind == CGROUP_NONE)
        run->rss_limit_bytes = job->options->memory_bytes;
}

/* ---- the end ---- */

/* Why the suite did not even start. 0 where it did, or was ended before it could. */
static int judge_start(const struct box *box, const struct job *job, const struct proc_run *run,
                       struct err *err)
{
    if (box->failed_code == ENOSPC || box->failed_code == EDQUOT)
        return err_set(
            err, ERR_LIMIT, ENOSPC,
            "The student's files and the suite's need more room than there is: %llu MB, %lld files "
            "(--disk, --inodes)",
            (unsigned long long)(job->options->disk_bytes >> 20), (long long)job->options->inodes);
    if (box->failed_code == ELOOP)
        return err_set(err, ERR_LIMIT, ELOOP,
                       "The student's directories, or the suite's, are nested too deeply");
    if (box->failed)
        return err_set(err, ERR_ENVIRONMENT, EIO, "The test run could not be started: %s", box->failed);
    if (box->started || run->timed_out || run->cancelled || box->hits.memory)
        return 0;
    CLEANUP(mem_freep) char *path = mem_printf("%s/stderr.log", job->dir);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    fs_read_file(path, 65536, &text, NULL);
    CLEANUP(mem_freep) char *words = buf_last_line(&text);
    return err_set(err, ERR_ENVIRONMENT, EIO, "The sandbox could not be started: %s",
                   *words ? words : "bubblewrap said nothing");
}

/* What the kernel killed is the student's fault only where a limit was reached. */
static int judge_kills(const struct box *box, const struct proc_run *run, struct err *err)
{
    if (!box->hits.memory || box->hits.was_full || run->cancelled)
        return 0;
    return err_set(err, ERR_ENVIRONMENT, ENOMEM,
                   "The machine had no memory left, and %llu processes of the job were killed",
                   (unsigned long long)box->hits.memory);
}

int box_close(struct box *box, const struct job *job, const struct proc_run *run, struct err *err)
{
    cgroup_read_hits(&box->group, &box->hits);
    if (box_is_in_slurms(box))
        cgroup_slurm_read_hits(&box->slurm, &box->hits);
    int r = cgroup_destroy(&box->group, err);
    if (r == 0)
        r = judge_kills(box, run, err);
    return r < 0 ? r : judge_start(box, job, run, err);
}

void box_done(struct box *box)
{
    bwrap_done(&box->bwrap);
    cgroup_close_fds(&box->cgroup_fds);
    fd_close(box->control[0]);
    fd_close(box->control[1]);
    fd_close(box->report_fd);
    fd_close(box->userns_fd);
    fd_close(box->sample_fd);
    cgroup_slurm_done(&box->slurm);
    for (int i = 0; i < box->stages_len; i++) {
        free(box->stages[i].source);
        free(box->stages[i].path);
    }
    free(box->failed);
    free(box->copied);
    free(box->changed);
    free(box->no_report);
    box_init(box);
}
