/*
 * ostest-init: pid 1 of the sandbox. It sets up the work area, starts the suite and reaps orphans.
 * When the suite has ended, it kills all other processes and sends out the results. Nobody inside
 * can signal pid 1, and only pid 1 holds the control socket.
 *
 * Started by bwrap as: /init CONTROL_FD DISK_BYTES INODES PIDS OPTION… -- COMMAND…, where an option
 * is "--may-change PATTERN", "--link TARGET PATH" or "--close FD". It starts with capabilities of
 * its own user namespace, which it drops before the suite starts.
 */

#include "base/copytree.h"
#include "base/fd.h"
#include "base/fs.h"
#include "sandbox/init/process_guard.h"
#include "sandbox/init/suite_tree.h"
#include "sandbox/init_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FULL_CHECK_MS 50
/* A program that hits the limit often removes something at once. */
#define FULL_BELOW_BYTES  65536
#define FULL_BELOW_INODES 16
/* The open files of a login shell, as on students' own machines. */
#define OPEN_FILES     1024
#define OPEN_FILES_MAX 65536
/* Far below the limit of the user, which all slots share unless the runner is root. */
#define PENDING_SIGNALS 1024
/* The limit of the whole machine is 4096 (kernel.pty.max). */
#define TERMINALS       "64"
#define INOTIFY_WATCHES (size_t)4096
/* Above that of pid 1, which the kernel should kill last when memory runs out. */
#define OOM_SCORE "500"

struct init {
    int control_fd;
    unsigned long long disk_bytes, inodes, pids;
    struct strv may_change;
    struct strv links; /* target, path, target, path … */
    struct suite_tree suite;
    char **command;
    int guard_fd; /* seccomp notifications about ptrace(2) and the like */
    pid_t suite_pid;
    bool told_bytes, told_inodes;
};

/* ---- messages to ostest-job */

static void send_message(const struct init *init, struct box_message *m, const char *text, size_t len)
{
    m->len = (uint32_t)MIN(len, sizeof(m->text));
    memcpy(m->text, text, m->len);
    while (send(init->control_fd, m, BOX_HEADER_BYTES + m->len, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static void tell(const struct init *init, enum box_kind kind, int value, const char *text)
{
    static struct box_message m;
    m = (struct box_message){.kind = kind, .value = value};
    send_message(init, &m, text, strlen(text));
}

/*
 * Sends a second reference to the inotify descriptor. When the last one is closed, the kernel waits
 * for a grace period of some 10 ms, which would be part of each run.
 */
static void hand_out_watch(const struct init *init)
{
    static struct box_message m = {.kind = BOX_WATCH};
    struct iovec text = {.iov_base = &m, .iov_len = BOX_HEADER_BYTES};
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &init->suite.news_fd, sizeof(int));
    while (sendmsg(init->control_fd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static int fail(const struct init *init, int code, const char *text)
{
    tell(init, BOX_FAILED, code, text);
    return 1;
}

/* ---- the work area ---- */

/*
 * One file system, so that one limit covers all that a task writes. Only a part of it stays
 * visible, at BOX_DIR: the whole, with the layers of the suite's overlay, is unmounted once they
 * are mounted.
 */
static int make_area(const struct init *init, struct err *err)
{
    CLEANUP(mem_freep)
    char *options = mem_printf("size=%llu,nr_inodes=%llu,mode=0755", init->disk_bytes, init->inodes);
    if (mount("tmpfs", BOX_WHOLE, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 || mkdir(BOX_SEEN, 0755) < 0 ||
        mount(BOX_SEEN, BOX_DIR, NULL, MS_BIND, NULL) < 0)
        return err_errno(err, errno, "Cannot mount the work area");
    if (mkdir(BOX_HOME, 0755) < 0 || mkdir(BOX_TMP, 0777) < 0 || chmod(BOX_TMP, 01777) < 0 ||
        mkdir(BOX_SHM, 0777) < 0 || chmod(BOX_SHM, 01777) < 0)
        return err_errno(err, errno, "Cannot create the directories of the work area");
    if (mount(BOX_TMP, "/tmp", NULL, MS_BIND, NULL) < 0 ||
        mount(BOX_SHM, "/dev/shm", NULL, MS_BIND, NULL) < 0)
        return err_errno(err, errno, "Cannot mount /tmp and /dev/shm");
    if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620,max=" TERMINALS) < 0)
        return err_errno(err, errno, "Cannot mount /dev/pts");
    return 0;
}

/* Hides how the host was booted and built, and its users' keys. */
static int hide_files(struct err *err)
{
    static const char *const hidden[] = {"/proc/cmdline", "/proc/bootconfig", "/proc/config.gz",
                                         "/proc/keys",    "/proc/key-users",  "/proc/modules"};
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (mount("/dev/null", hidden[i], NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
            return err_errno(err, errno, "Cannot hide %s", hidden[i]);
    return 0;
}

static int copy_leaf(const char *leaf, const char *to, struct err *err)
{
    int r = fs_exists(leaf) ? copytree(leaf, to, err) : 0;
    if (r == 0 && fs_exists(leaf) && umount2(leaf, MNT_DETACH) < 0)
        r = err_errno(err, errno, "Cannot unmount %s", leaf);
    return r;
}

/* Makes a directory that the work area covers reachable through a link. */
static int make_link(const char *target, const char *path, struct err *err)
{
    CLEANUP(mem_freep) char *dir = mem_strdup(path);
    *strrchr(dir, '/') = '\0';
    int r = fs_make_dirs(dir, 0755, err);
    if (r == 0 && symlink(target, path) < 0)
        r = err_errno(err, errno, "Cannot link %s", path);
    return r;
}

static int place_suite(struct init *init, struct err *err)
{
    struct err why = {0};
    if (!fs_exists(BOX_LEAF_TESTS))
        return err_set(err, ERR_ENVIRONMENT, ENOENT, "There is no suite");
    int r = suite_tree_open(&init->suite, BOX_LEAF_TESTS, BOX_WHOLE "/layers", BOX_TESTS, &why, err);
    if (r == 0 && !init->suite.is_overlay)
        tell(init, BOX_COPIED, 0, why.message);
    if (r == 0 && (umount2(BOX_LEAF_TESTS, MNT_DETACH) < 0 || umount2(BOX_WHOLE, MNT_DETACH) < 0))
        r = err_errno(err, errno, "Cannot unmount the suite's layers");
    return r;
}

static int fill_area(struct init *init, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i + 1 < init->links.len; i += 2)
        r = make_link(init->links.items[i], init->links.items[i + 1], err);
    if (r == 0)
        r = place_suite(init, err);
    if (r == 0 && !fs_exists(BOX_LEAF_SRC) && mkdir(BOX_SRC, 0755) < 0)
        r = err_errno(err, errno, "Cannot create %s", BOX_SRC);
    return r < 0 ? r : copy_leaf(BOX_LEAF_SRC, BOX_SRC, err);
}

/* Reports once that the area is full. */
static void check_full(struct init *init)
{
    struct statfs st;
    if (statfs(BOX_DIR, &st) < 0)
        return;
    if (!init->told_bytes &&
        (unsigned long long)st.f_bavail * (unsigned long long)st.f_bsize < FULL_BELOW_BYTES) {
        tell(init, BOX_FULL, BOX_FULL_BYTES, "");
        init->told_bytes = true;
    }
    if (!init->told_inodes && st.f_ffree < FULL_BELOW_INODES) {
        tell(init, BOX_FULL, BOX_FULL_INODES, "");
        init->told_inodes = true;
    }
}

/* ---- before the suite ---- */

/*
 * Limits what the kernel counts for each user of the host (namespaces(7), inotify(7)): slots of one
 * user must not take each other's share.
 */
static int limit_counts(const struct init *init, struct err *err)
{
    CLEANUP(mem_freep) char *watches = mem_printf("%zu", INOTIFY_WATCHES + init->suite.watches);
    const struct {
        const char *path, *most;
    } counts[] = {
        {"/proc/sys/user/max_inotify_instances",
         "8"}, /* one is our own; the limit of a user is usually 128 */
        {"/proc/sys/user/max_inotify_watches", watches},
        {"/proc/sys/user/max_user_namespaces", "0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        CLEANUP(fd_closep) int fd = open(counts[i].path, O_WRONLY | O_CLOEXEC);
        if ((fd < 0 && errno != ENOENT) || (fd >= 0 && write(fd, counts[i].most, strlen(counts[i].most)) < 0))
            return err_errno(err, errno, "Cannot set %s", counts[i].path);
    }
    return 0;
}

/* Drops all capabilities for good: no program that is started can regain them. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0L, 0L, 0L) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0L, 0L, 0L) < 0)
            return -errno;
    if (prctl(PR_CAP_AMBIENT, (unsigned long)PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L) < 0 ||
        syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
        return -errno;
    return 0;
}

static int limit(int resource, unsigned long long soft, unsigned long long hard)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
        return -errno;
    struct rlimit wanted = {.rlim_max = MIN((rlim_t)hard, now.rlim_max)};
    wanted.rlim_cur = MIN((rlim_t)soft, wanted.rlim_max);
    return setrlimit((__rlimit_resource_t)resource, &wanted) < 0 ? -errno : 0;
}

/*
 * A core limit of 1 byte also keeps the kernel from starting a core handler (core(5)); 0 does not.
 */
static int set_limits(const struct init *init)
{
    int r = limit(RLIMIT_CORE, 1, 1);
    if (r == 0)
        r = limit(RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES_MAX);
    if (r == 0)
        r = limit(RLIMIT_SIGPENDING, PENDING_SIGNALS, PENDING_SIGNALS);
    return r < 0 ? r : limit(RLIMIT_NPROC, init->pids, init->pids);
}

static void run_suite(const struct init *init, int error_fd)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L); /* else the next file belongs to root */
    int oom_fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (oom_fd >= 0 && write(oom_fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
        errno = 0; /* the kernel then chooses by size alone */
    setsid();
    int r = chdir(BOX_TESTS) < 0 || setenv("PWD", BOX_TESTS, 1) < 0 ? -errno : set_limits(init);
    if (r == 0) {
        execvp(init->command[0], init->command);
        r = -errno;
    }
    if (write(error_fd, &r, sizeof(r)) < 0)
        _exit(126);
    _exit(127);
}

static int start_suite(struct init *init, struct err *err)
{
    int ends[2], code = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "Cannot create a pipe");
    init->suite_pid = fork();
    if (init->suite_pid == 0)
        run_suite(init, ends[1]);
    int fork_errno = errno;
    close(ends[1]);
    ssize_t n = init->suite_pid > 0 ? read(ends[0], &code, sizeof(code)) : 0;
    close(ends[0]);
    if (init->suite_pid < 0)
        return err_errno(err, fork_errno, "Cannot start the suite");
    return n == sizeof(code) ? err_errno(err, -code, "Cannot start %s", init->command[0]) : 0;
}

/* Reaps ended children. Returns true if the suite is one of them. */
static bool reap(const struct init *init, int *status)
{
    bool ended = false;
    int one;
    for (pid_t pid; (pid = waitpid(-1, &one, WNOHANG)) > 0;) {
        if (pid == init->suite_pid) {
            *status = one;
            ended = true;
        }
    }
    return ended;
}

static int wait_for_suite(struct init *init, int child_fd)
{
    int status = 0;
    struct signalfd_siginfo info;
    while (!reap(init, &status)) {
        struct pollfd fds[] = {{.fd = child_fd, .events = POLLIN},
                               {.fd = init->suite.news_fd, .events = POLLIN},
                               {.fd = init->guard_fd, .events = POLLIN}};
        if (poll(fds, ARRAY_LEN(fds), FULL_CHECK_MS) > 0 && fds[0].revents &&
            read(child_fd, &info, sizeof(info)) < 0)
            break;
        if (fds[1].revents)
            suite_tree_take_news(&init->suite);
        if (fds[2].revents & POLLIN)
            process_guard_answer(init->guard_fd);
        check_full(init);
    }
    return status;
}

/* Kills all processes but ourselves. Returns how many there were. */
static unsigned kill_all(void)
{
    unsigned count = 0;
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        count++;
    return count;
}

static void send_file(const struct init *init, int fd)
{
    static struct box_message m;
    char chunk[BOX_CHUNK_BYTES];
    ssize_t n;
    m = (struct box_message){.kind = BOX_REPORT_IS};
    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        send_message(init, &m, chunk, (size_t)n);
}

static void send_report(const struct init *init)
{
    int fd = open(BOX_REPORT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int code = errno;
    struct stat st = {0};
    if (fd < 0)
        tell(init, BOX_NO_REPORT, code,
             code == ENOENT  ? "The tests wrote no report"
             : code == ELOOP ? "The tests' report was replaced by a symbolic link"
                             : "The tests' report cannot be read");
    else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        tell(init, BOX_NO_REPORT, EINVAL, "The tests' report is not a regular file");
    else if ((unsigned long long)st.st_size > BOX_REPORT_MAX_BYTES)
        tell(init, BOX_NO_REPORT, EFBIG, "The tests' report is larger than 256 MB");
    else
        send_file(init, fd);
    if (fd >= 0)
        close(fd);
}

static void send_end(const struct init *init, int status, unsigned leftovers)
{
    static struct box_message m;
    struct rusage u = {0};
    getrusage(RUSAGE_CHILDREN, &u);
    m = (struct box_message){.kind = BOX_ENDED, .value = status, .leftovers = leftovers};
    m.cpu_us =
        (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
    send_message(init, &m, "", 0);
}

static bool parse(int argc, char **argv, struct init *init)
{
    if (argc < 7)
        return false;
    *init = (struct init){.control_fd = (int)strtol(argv[1], NULL, 10),
                          .disk_bytes = strtoull(argv[2], NULL, 10),
                          .inodes = strtoull(argv[3], NULL, 10),
                          .pids = strtoull(argv[4], NULL, 10)};
    int i = 5;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--close") == 0 && i + 1 < argc) {
            close((int)strtol(argv[++i], NULL, 10));
            continue;
        }
        struct strv *list = strcmp(argv[i], "--link") == 0 ? &init->links : &init->may_change;
        for (int words = list == &init->links ? 2 : 1; words > 0 && i + 1 < argc; words--)
            strv_push(list, argv[++i]);
    }
    init->command = argv + i + 1;
    return i + 1 < argc;
}

static int run(struct init *init)
{
    struct err err = {0};
    suite_tree_init(&init->suite, &init->may_change);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    int child_fd = signalfd(-1, &child, SFD_CLOEXEC);
    int r = make_area(init, &err);
    if (r == 0)
        r = hide_files(&err);
    if (r == 0)
        r = fill_area(init, &err);
    if (r == 0)
        r = suite_tree_watch(&init->suite, BOX_TESTS, &err);
    if (r == 0)
        r = limit_counts(init, &err);
    if (r == 0)
        hand_out_watch(init);
    if (r == 0)
        r = drop_capabilities();
    if (r == 0)
        r = process_guard_start(&init->guard_fd, &err);
    if (r == 0)
        r = start_suite(init, &err);
    if (r < 0)
        return fail(init, -r, *err.message ? err.message : "Cannot drop capabilities");
    tell(init, BOX_STARTED, 0, "");
    int status = wait_for_suite(init, child_fd);
    check_full(init);
    unsigned leftovers = kill_all();
    struct suite_change change = suite_tree_check(&init->suite);
    if (change.path)
        tell(init, BOX_CHANGED, change.is_new, change.path);
    free(change.path);
    send_report(init);
    send_end(init, status, leftovers);
    suite_tree_done(&init->suite);
    return 0;
}

int main(int argc, char **argv)
{
    struct init init;
    umask(022);
    if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) < 0 || !parse(argc, argv, &init))
        return 1;
    fcntl(init.control_fd, F_SETFD, FD_CLOEXEC);
    return run(&init);
}
