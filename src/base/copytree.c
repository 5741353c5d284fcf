#include "base/copytree.h"

#include "base/fd.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#define COPY_MAX_DEPTH 256

/*
 * The fallback that always succeeds: copy_file_range(2) cannot copy between different types of file
 * system.
 */
static int copy_through_memory(int from, int to)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = read(from, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        int r = n < 0 ? -errno : fd_write_all(to, chunk, (size_t)n);
        if (r < 0 || n == 0)
            return r;
    }
}

static int copy_bytes(int from, int to)
{
    ssize_t n;
    do {
        n = copy_file_range(from, NULL, to, NULL, SSIZE_MAX, 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n < 0 ? copy_through_memory(from, to) : 0;
}

static int copy_file(const char *from, const char *to, const struct stat *st)
{
    CLEANUP(fd_closep) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (in < 0)
        return -errno;
    CLEANUP(fd_closep) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 0777);
    if (out < 0)
        return -errno;
    int r = copy_bytes(in, out);
    if (r == 0 && fchmod(out, st->st_mode & 0777) < 0) /* regardless of the umask */
        r = -errno;
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    if (r == 0 && futimens(out, times) < 0)
        r = -errno;
    return r;
}

static int copy_link(const char *from, const char *to)
{
    char target[PATH_MAX];
    ssize_t len = readlink(from, target, sizeof(target) - 1);
    if (len < 0)
        return -errno;
    target[len] = '\0';
    return symlink(target, to) < 0 ? -errno : 0;
}

bool copytree_is_skipped(const struct copytree_bounds *bounds, const struct stat *st)
{
    return bounds->has_skipped && S_ISDIR(st->st_mode) && st->st_dev == bounds->skipped_dev &&
           st->st_ino == bounds->skipped_ino;
}

/* Returns true if the bounds exclude the entry. */
static bool is_left_out(const struct copytree_bounds *bounds, const struct stat *st)
{
    bool is_special = !S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode) && !S_ISDIR(st->st_mode);
    return copytree_is_skipped(bounds, st) || (is_special && bounds->leaves_special);
}

static int check_bounds(struct copytree_bounds *bounds, const char *from, const struct stat *st,
                        struct err *err)
{
    struct pollfd cancel = {.fd = bounds->cancel_fd, .events = POLLIN};
    uint64_t size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
    if (bounds->cancel_fd >= 0 && poll(&cancel, 1, 0) > 0)
        return err_set(err, ERR_CANCELLED, ECANCELED, "Copying %s was stopped", from);
    if (size > bounds->left_bytes)
        return err_set(err, ERR_LIMIT, EFBIG, "Copying %s would exceed the size limit", from);
    bounds->left_bytes -= size;
    return 0;
}

static int copy_dir(const char *from, const char *to, unsigned depth, struct copytree_bounds *bounds,
                    struct err *err);

static int copy_entry(const char *from, const char *to, unsigned depth, struct copytree_bounds *bounds,
                      struct err *err)
{
    struct stat st;
    int r = lstat(from, &st) < 0 ? -errno : 0;
    if (r == 0 && bounds && is_left_out(bounds, &st))
        return 0;
    int within = r == 0 && bounds ? check_bounds(bounds, from, &st, err) : 0;
    if (within < 0)
        return within;
    if (r == 0 && S_ISDIR(st.st_mode))
        return copy_dir(from, to, depth + 1, bounds, err);
    if (r == 0)
        r = S_ISREG(st.st_mode)   ? copy_file(from, to, &st)
            : S_ISLNK(st.st_mode) ? copy_link(from, to)
                                  : -EINVAL;
    return r < 0 ? err_errno(err, -r, "Cannot copy %s", from) : 0;
}

static int copy_dir(const char *from, const char *to, unsigned depth, struct copytree_bounds *bounds,
                    struct err *err)
{
    CLEANUP(strv_done) struct strv names = {0};
    if (depth > COPY_MAX_DEPTH)
        return err_set(err, ERR_LIMIT, ELOOP, "%s is nested too deeply to be copied", from);
    int r = fs_list_dir(from, &names, err);
    if (r < 0)
        return r;
    if (mkdir(to, 0755) < 0)
        return err_errno(err, errno, "Cannot create the directory %s", to);
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *source = mem_printf("%s/%s", from, names.items[i]);
        CLEANUP(mem_freep) char *target = mem_printf("%s/%s", to, names.items[i]);
        r = copy_entry(source, target, depth, bounds, err);
    }
    return r;
}

int copytree(const char *from, const char *to, struct err *err)
{
    return copytree_within(from, to, NULL, err);
}

int copytree_within(const char *from, const char *to, struct copytree_bounds *bounds, struct err *err)
{
    return copy_dir(from, to, 0, bounds, err);
}

int copytree_entry(const char *from, const char *to, struct copytree_bounds *bounds, struct err *err)
{
    return copy_entry(from, to, 0, bounds, err);
}
