#include "sandbox/bwrap.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/fs.h"
#include "sandbox/init_protocol.h"
#include "sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

/* Mounted with the host's network: its name resolution. The sandbox's /etc has a file for each. */
static const char *const network_files[] = {"resolv.conf", "nsswitch.conf", "gai.conf"};

/* Directories below the root; symbolic links on most systems. */
static const char *const root_dirs[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};

static void add(struct strv *args, const char *a, const char *b, const char *c)
{
    strv_push(args, a);
    if (b)
        strv_push(args, b);
    if (c)
        strv_push(args, c);
}

static int keep_fd(struct bwrap *b, int fd)
{
    b->fds[b->fds_len++] = fd;
    return fd;
}

/* Returns the descriptor of an in-memory file for bwrap to read, or -errno. */
static int open_data(struct bwrap *b, const void *data, size_t len, struct err *err)
{
    CLEANUP(fd_closep) int fd = memfd_create("bwrap", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, data, len);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r < 0)
        return err_errno(err, -r, "Cannot create a file in memory");
    r = keep_fd(b, fd);
    fd = -1;
    return r;
}

/* ---- parts of the command line ---- */

/*
 * Capabilities of ostest-init in its own user namespace until the suite starts. An overlay acts
 * with those of the process that mounted it: files that are copied up keep their owner and mode.
 */
static const char *const capabilities[] = {"CAP_SYS_ADMIN", "CAP_SYS_RESOURCE", "CAP_SETPCAP",
                                           "CAP_CHOWN",     "CAP_DAC_OVERRIDE", "CAP_FOWNER"};

static void add_namespaces(const struct bwrap_setup *s, struct strv *args)
{
    static const char *const words[] = {"--unshare-ipc",        "--unshare-pid",     "--unshare-uts",
                                        "--unshare-cgroup-try", "--die-with-parent", "--new-session",
                                        "--clearenv",           "--as-pid-1"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_push(args, words[i]);
    strv_push(args, s->userns_fd >= 0 ? "--userns" : "--unshare-user");
    if (s->userns_fd >= 0)
        strv_pushf(args, "%d", s->userns_fd);
    if (!s->host_network)
        strv_push(args, "--unshare-net");
    add(args, "--hostname", BOX_HOSTNAME, NULL);
    add(args, "--uid", STRING(BOX_UID), NULL);
    add(args, "--gid", STRING(BOX_UID), NULL);
    add(args, "--cap-drop", "ALL", NULL);
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
        add(args, "--cap-add", capabilities[i], NULL);
}

/* Returns true if the path is covered by ostest-init's mounts. */
static bool is_covered(const char *place)
{
    static const char *const mounts[] = {"/tmp", "/dev", BOX_DIR};
    for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
        size_t len = strlen(mounts[i]);
        if (strncmp(place, mounts[i], len) == 0 && (place[len] == '/' || place[len] == '\0'))
            return true;
    }
    return false;
}

/*
 * Returns where a directory is mounted: at its own path, or where a link leads if that is covered.
 */
static char *place_inside(const char *place, size_t number)
{
    return is_covered(place) ? mem_printf(BOX_PLACES "/%zu", number) : mem_strdup(place);
}

static void add_system(const struct bwrap_setup *s, struct strv *args)
{
    add(args, "--ro-bind", "/usr", "/usr");
    for (size_t i = 0; i < ARRAY_LEN(root_dirs); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("/%s", root_dirs[i]);
        char target[256];
        ssize_t len = readlink(path, target, sizeof(target) - 1);
        if (len > 0) {
            target[len] = '\0';
            add(args, "--symlink", target, path);
        } else if (fs_is_dir(path)) {
            add(args, "--ro-bind", path, path);
        }
    }
    if (s->etc)
        add(args, "--ro-bind", s->etc, "/etc");
    for (size_t i = 0; s->host_network && i < ARRAY_LEN(network_files); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("/etc/%s", network_files[i]);
        add(args, "--ro-bind-try", path, path);
    }
    for (size_t i = 0; i < s->sources->len; i++) {
        CLEANUP(mem_freep) char *inside = place_inside(s->places->items[i], i);
        add(args, "--ro-bind", s->sources->items[i], inside);
    }
    if (s->channel)
        add(args, "--ro-bind", s->channel, BOX_CHANNEL);
    if (s->environment)
        add(args, "--ro-bind", s->environment, BOX_ENV);
}

static void add_data(struct strv *args, const char *mode, int fd, const char *path)
{
    add(args, "--perms", mode, "--ro-bind-data");
    strv_pushf(args, "%d", fd);
    strv_push(args, path);
}

static int add_files(const struct bwrap_setup *s, struct bwrap *b, struct strv *args, struct err *err)
{
    int init_fd = open(s->init, O_RDONLY | O_CLOEXEC);
    if (init_fd < 0)
        return err_errno(err, errno, "Cannot open %s", s->init);
    add_data(args, "0555", keep_fd(b, init_fd), BOX_INIT);
    return 0;
}

/*
 * bwrap's own --dev would put a second user namespace in between, and ostest-init could not mount
 * anything.
 */
static void add_devices(struct strv *args)
{
    static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                           {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"},
                                           {"/proc/self/fd/2", "/dev/stderr"},
                                           {"pts/ptmx", "/dev/ptmx"}};
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("/dev/%s", devices[i]);
        add(args, "--dev-bind", path, path);
    }
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        add(args, "--symlink", links[i][0], links[i][1]);
    add(args, "--dir", "/dev/pts", NULL);
    add(args, "--dir", "/dev/shm", NULL);
}

static void add_trees(const struct bwrap_setup *s, struct strv *args)
{
    if (s->src)
        add(args, "--ro-bind", s->src, BOX_LEAF_SRC);
    if (s->tests)
        add(args, "--ro-bind", s->tests, BOX_LEAF_TESTS);
    add(args, "--proc", "/proc", NULL);
    add_devices(args);
    add(args, "--dir", BOX_DIR, NULL);
    add(args, "--dir", BOX_WHOLE, NULL);
    add(args, "--dir", "/tmp", NULL);
    add(args, "--remount-ro", "/", NULL);
    add(args, "--chdir", "/", NULL);
}

static void add_environment(const struct strv *env, struct strv *args)
{
    for (size_t i = 0; i < env->len; i++) {
        const char *equals = strchr(env->items[i], '=');
        CLEANUP(mem_freep) char *name = mem_strndup(env->items[i], (size_t)(equals - env->items[i]));
        add(args, "--setenv", name, equals + 1);
    }
}

static int add_arguments(const struct bwrap_setup *s, struct bwrap *b, struct strv *args, struct err *err)
{
    int filter;
    int r = seccomp_open_filter(&filter, err);
    if (r < 0)
        return r;
    strv_push(args, "--seccomp");
    strv_pushf(args, "%d", keep_fd(b, filter));
    add_namespaces(s, args);
    add_system(s, args);
    r = add_files(s, b, args, err);
    add_trees(s, args);
    add_environment(s->env, args);
    return r;
}

static void add_init_options(const struct bwrap_setup *s, struct strv *argv)
{
    for (size_t i = 0; i < s->places->len; i++) {
        CLEANUP(mem_freep) char *inside = place_inside(s->places->items[i], i);
        if (is_covered(s->places->items[i]))
            add(argv, "--link", inside, s->places->items[i]);
    }
    for (size_t i = 0; i < s->may_change->len; i++)
        add(argv, "--may-change", s->may_change->items[i], NULL);
    if (s->userns_fd >= 0) { /* bwrap does not close it */
        strv_push(argv, "--close");
        strv_pushf(argv, "%d", s->userns_fd);
    }
    strv_push(argv, "--");
}

int bwrap_build(const struct bwrap_setup *setup, struct bwrap *ret_bwrap, struct err *err)
{
    CLEANUP(strv_done) struct strv args = {0};
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    struct bwrap b = {0};
    int r = add_arguments(setup, &b, &args, err);
    for (size_t i = 0; i < args.len; i++)
        buf_append(&text, args.items[i], strlen(args.items[i]) + 1); /* including the NUL */
    int args_fd = r == 0 ? open_data(&b, text.data, text.len, err) : r;
    if (args_fd < 0) {
        bwrap_done(&b);
        return args_fd;
    }
    strv_push(&b.argv, "bwrap");
    strv_push(&b.argv, "--args");
    strv_pushf(&b.argv, "%d", args_fd);
    strv_push(&b.argv, BOX_INIT);
    strv_pushf(&b.argv, "%d", setup->control_fd);
    strv_pushf(&b.argv, "%" PRIu64, setup->disk_bytes);
    strv_pushf(&b.argv, "%" PRIu64, setup->inodes);
    strv_pushf(&b.argv, "%" PRId64, setup->pids);
    add_init_options(setup, &b.argv);
    *ret_bwrap = b;
    return 0;
}

void bwrap_done(struct bwrap *b)
{
    strv_done(&b->argv);
    for (int i = 0; i < b->fds_len; i++)
        fd_close(b->fds[i]);
    b->fds_len = 0;
}
