#include "base/fs.h"

#include "base/failpoint.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/*
 * The pause between two attempts to take a lock that is held, as each may be a request to a file
 * server: a part of the time waited so far, so that the lock is taken at most that much later than
 * possible.
 */
#define LOCK_PAUSE_PART   8
#define LOCK_PAUSE_MIN_MS 2
#define LOCK_PAUSE_MAX_MS 250

/*
 * Directories deeper than this are moved up before they are emptied, since each level costs a
 * descriptor.
 */
#define REMOVE_TREE_DEPTH 64

static void closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

int fs_sync_dir(const char *path, struct err *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_errno(err, errno, "Cannot flush the directory %s to disk", path);
    return 0;
}

static int sync_parent(const char *path, struct err *err)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(path);
    return fs_sync_dir(dirname(copy), err);
}

int fs_rename_durable(const char *from, const char *to, struct err *err)
{
    if (rename(from, to) < 0)
        return err_errno(err, errno, "Cannot rename %s to %s", from, to);
    failpoint("file-renamed");
    return sync_parent(to, err);
}

int fs_rename_tree_durable(const char *from, const char *to, struct err *err)
{
    CLEANUP(fd_closep) int fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
        return err_errno(err, errno, "Cannot flush %s to disk", from);
    return fs_rename_durable(from, to, err);
}

static int write_new(const char *path, const void *data, size_t len, bool is_synced)
{
    unlink(path); /* left by a crash, with any mode */
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    failpoint("file-begun");
    int r = fd_write_all(fd, data, len);
    if (r == 0 && is_synced && fsync(fd) < 0)
        r = -errno;
    return r;
}

int fs_write_atomic(const char *path, const void *data, size_t len, struct err *err)
{
    CLEANUP(mem_freep) char *temporary = mem_printf("%s.tmp", path);
    int r = write_new(temporary, data, len, true);
    failpoint("file-written");
    r = r < 0 ? err_errno(err, -r, "Cannot write %s", temporary) : fs_rename_durable(temporary, path, err);
    if (r < 0)
        unlink(temporary);
    return r;
}

int fs_write_plain(const char *path, const void *data, size_t len, struct err *err)
{
    int r = write_new(path, data, len, false);
    if (r == 0)
        return 0;
    unlink(path);
    return err_errno(err, -r, "Cannot write %s", path);
}

int fs_read_file(const char *path, size_t limit, struct buf *ret_data, struct err *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : err_errno(err, errno, "Cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_INTERNAL, EINVAL, "%s is not a regular file", path);
    ret_data->limit = limit;
    int r = fd_read_all(fd, ret_data);
    if (r == -EFBIG)
        return err_set(err, ERR_LIMIT, EFBIG, "%s is larger than %zu bytes", path, limit);
    return r < 0 ? err_errno(err, -r, "Cannot read %s", path) : 0;
}

int fs_make_dirs(const char *path, mode_t mode, struct err *err)
{
    if (*path == '\0')
        return err_set(err, ERR_INTERNAL, ENOENT, "Cannot create a directory without a name");
    CLEANUP(mem_freep) char *copy = mem_strdup(path);
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char saved = *p;
        *p = '\0';
        struct stat st;
        if (mkdir(copy, mode) < 0 && (errno != EEXIST || stat(copy, &st) < 0 || !S_ISDIR(st.st_mode)))
            return err_errno(err, errno, "Cannot create the directory %s", copy);
        *p = saved;
        if (saved == '\0')
            return 0;
    }
}

/* The state of fs_remove_tree(). */
struct removal {
    int top_fd;     /* the root of the tree */
    unsigned moved; /* number of names that move_up() has used */
    bool again;     /* a directory was moved to the top: scan it once more */
};

/* Opens a directory and makes it accessible; never follows a symbolic link. */
static int open_for_removal(int dir_fd, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, name, flags);
    if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        fd = openat(dir_fd, name, flags);
    if (fd < 0)
        return -errno;
    fchmod(fd, 0700);
    return fd;
}

static int move_up(struct removal *rm, int dir_fd, const char *name)
{
    int fd = open_for_removal(dir_fd, name); /* also makes it writable: others cannot be moved */
    if (fd < 0)
        return fd;
    fd_close(fd);
    char free_name[32];
    int r;
    do {
        snprintf(free_name, sizeof(free_name), "moved-up-%u", rm->moved++);
        r = renameat(dir_fd, name, rm->top_fd, free_name) < 0 ? -errno : 0;
    } while (r == -EEXIST || r == -ENOTEMPTY || r == -ENOTDIR); /* the name is in use */
    rm->again = rm->again || r == 0;
    return r;
}

static int remove_below(struct removal *rm, int dir_fd, const char *name, unsigned depth);

static int remove_entry(struct removal *rm, int dir_fd, const char *name, unsigned depth)
{
    if (unlinkat(dir_fd, name, 0) == 0)
        return 0;
    if (errno != EISDIR)
        return -errno;
    if (depth > REMOVE_TREE_DEPTH)
        return move_up(rm, dir_fd, name);
    int r = remove_below(rm, dir_fd, name, depth);
    if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
        r = -errno;
    return r;
}

/* Empties a directory. Continues after an error, and returns the last one. */
static int remove_below(struct removal *rm, int dir_fd, const char *name, unsigned depth)
{
    int fd = open_for_removal(dir_fd, name);
    if (fd < 0)
        return fd;
    CLEANUP(closedirp) DIR *dir = fdopendir(fd);
    if (!dir) {
        fd_close(fd);
        return -errno;
    }
    int failed = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int r = remove_entry(rm, fd, entry->d_name, depth + 1);
        if (r < 0 && r != -ENOENT)
            failed = r;
    }
    return failed;
}

static int remove_tree(const char *path)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    CLEANUP(fd_closep) int top_fd = open_for_removal(AT_FDCWD, path);
    if (top_fd < 0)
        return top_fd;
    struct removal rm = {.top_fd = top_fd};
    int r;
    do {
        rm.again = false;
        r = remove_below(&rm, top_fd, ".", 0);
    } while (rm.again);
    return r == 0 && rmdir(path) < 0 ? -errno : r;
}

int fs_remove_tree(const char *path, struct err *err)
{
    int r = remove_tree(path);
    return r < 0 ? err_errno(err, -r, "Cannot remove %s", path) : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_list_dir(const char *path, struct strv *ret_names, struct err *err)
{
    CLEANUP(closedirp) DIR *dir = opendir(path);
    if (!dir)
        return err_errno(err, errno, "Cannot read the directory %s", path);
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            strv_push(ret_names, entry->d_name);
    if (ret_names->len)
        qsort(ret_names->items, ret_names->len, sizeof(char *), by_name);
    return 0;
}

/*
 * Returns 1 if the open file is still the one at the path, 0 if its last owner has removed it, or
 * -errno. Opens the path, since NFS then asks the server and not only its cache.
 */
static int is_file_at(int fd, const char *path)
{
    struct stat ours, there;
    CLEANUP(fd_closep) int again = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (again < 0)
        return errno == ENOENT || errno == ESTALE ? 0 : -errno;
    return fstat(fd, &ours) == 0 && fstat(again, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static int lock_as(const char *path, int operation, int *ret_fd, struct err *err)
{
    for (;;) {
        CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return err_errno(err, errno, "Cannot open the lock file %s", path);
        if (flock(fd, operation | LOCK_NB) < 0)
            return err_errno(err, errno, "Cannot lock %s", path);
        int r = is_file_at(fd, path);
        if (r < 0)
            return err_errno(err, -r, "Cannot open the lock file %s", path);
        if (r == 0)
            continue;
        *ret_fd = fd;
        fd = -1;
        return 0;
    }
}

int fs_lock(const char *path, int *ret_fd, struct err *err)
{
    return lock_as(path, LOCK_EX, ret_fd, err);
}

static int wait_as(const char *path, int operation, int cancel_fd, int *ret_fd, struct err *err)
{
    int r;
    int waited_ms = 0;
    int pause_ms = LOCK_PAUSE_MIN_MS;
    struct pollfd cancel = {.fd = cancel_fd, .events = POLLIN};
    while ((r = lock_as(path, operation, ret_fd, err)) == -EWOULDBLOCK) { /* flock(2) has no poll */
        if (poll(&cancel, 1, pause_ms) > 0)
            return err_set(err, ERR_CANCELLED, ECANCELED, "Waiting for %s was stopped", path);
        waited_ms = MIN(waited_ms + pause_ms, LOCK_PAUSE_PART * LOCK_PAUSE_MAX_MS);
        pause_ms = MAX(waited_ms / LOCK_PAUSE_PART, LOCK_PAUSE_MIN_MS);
    }
    return r;
}

int fs_lock_wait(const char *path, int cancel_fd, int *ret_fd, struct err *err)
{
    return wait_as(path, LOCK_EX, cancel_fd, ret_fd, err);
}

int fs_lock_shared(const char *path, int cancel_fd, int *ret_fd, struct err *err)
{
    return wait_as(path, LOCK_SH, cancel_fd, ret_fd, err);
}

void fs_unlock(const char *path, int fd)
{
    if (fd < 0)
        return;
    unlink(path);
    fd_close(fd);
}

int fs_free_space(const char *path, struct fs_room *ret_room, struct err *err)
{
    struct statvfs st;
    if (statvfs(path, &st) < 0)
        return err_errno(err, errno, "Cannot determine the free space of %s", path);
    *ret_room = (struct fs_room){(uint64_t)st.f_bavail * st.f_frsize, st.f_files ? st.f_favail : UINT64_MAX};
    return 0;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool fs_is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool is_type(const char *path, mode_t type)
{
    struct stat st;
    return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

bool fs_is_dir(const char *path)
{
    return is_type(path, S_IFDIR);
}

bool fs_leads_to_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fs_is_regular(const char *path)
{
    return is_type(path, S_IFREG);
}

char *fs_path_from(const char *dir, const char *path)
{
    return *path == '/' ? mem_strdup(path) : mem_printf("%s/%s", dir, path);
}

char *fs_program_dir(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n < 0)
        return mem_strdup(".");
    path[n] = '\0';
    return mem_strdup(dirname(path));
}
