#include "runner/executor/slurm/attempt.h"

#include "base/failpoint.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "model/state_files.h"
#include "model/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEASE_FILE      "lease"
#define WHY_LIMIT_BYTES 512

static char *lease_file(const char *claim_dir)
{
    return mem_printf("%s/" LEASE_FILE, claim_dir);
}

static char *file_of(const struct slurm_attempt *t, const char *name)
{
    return mem_printf("%s/%s", t->dir, name);
}

static void fill(struct slurm_attempt *t, const char *claim_dir)
{
    t->claim_dir = mem_strdup(claim_dir);
    t->dir = mem_printf("%s/" LEASE_DIR_PREFIX "%s", claim_dir, t->lease);
}

void slurm_attempt_done(struct slurm_attempt *t)
{
    free(t->claim_dir);
    free(t->dir);
    *t = (struct slurm_attempt){0};
}

/* The job reads a copy, so that an old attempt cannot reach into the claim's directory. */
static int copy_task(const struct slurm_attempt *t, struct err *err)
{
    CLEANUP(mem_freep) char *from = mem_printf("%s/" STATE_TASK, t->claim_dir);
    CLEANUP(mem_freep) char *to = file_of(t, STATE_TASK);
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    int r = fs_read_file(from, TASK_MAX_BYTES, &body, err);
    if (r == -ENOENT)
        return err_set(err, ERR_INTERNAL, ENOENT, "%s is missing", from);
    return r < 0 ? r : fs_write_atomic(to, body.data ? body.data : "", body.len, err);
}

/* Trees of a dead job stay, to be removed with the claim (ostest-job --clean). */
static void remove_dir(const struct slurm_attempt *t)
{
    static const char *const names[] = {STATE_TASK, STATE_JOB_LOG, LEASE_BEGUN, LEASE_END};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_freep) char *file = file_of(t, names[i]);
        unlink(file);
    }
    rmdir(t->dir);
}

static int make(const struct slurm_attempt *t, const char *path, struct err *err)
{
    CLEANUP(mem_freep) char *line = mem_printf("%s\n", t->lease);
    if (mkdir(t->dir, 0700) < 0)
        return err_errno(err, errno, "Cannot create %s", t->dir);
    int r = copy_task(t, err);
    failpoint("cluster-dir-made");
    if (r == 0)
        r = fs_write_atomic(path, line, strlen(line), err);
    failpoint("cluster-lease-saved");
    return r;
}

int slurm_attempt_new(const char *claim_dir, struct slurm_attempt *ret_try, struct err *err)
{
    struct slurm_attempt t = {0};
    uint64_t number;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return err_errno(err, errno, "Cannot get random bits");
    lease_name(number, t.lease);
    fill(&t, claim_dir);
    CLEANUP(mem_freep) char *path = lease_file(claim_dir);
    int r = make(&t, path, err);
    if (r < 0) {
        unlink(path); /* it may exist without having been flushed */
        remove_dir(&t);
        slurm_attempt_done(&t);
        return r;
    }
    *ret_try = t;
    return 0;
}

int slurm_attempt_find(const char *claim_dir, struct slurm_attempt *ret_try, struct err *err)
{
    CLEANUP(mem_freep) char *path = lease_file(claim_dir);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    struct slurm_attempt t = {0};
    int r = fs_read_file(path, LEASE_SIZE, &text, err);
    bool is_other = r == -EFBIG || r == -EINVAL; /* not a file of ours */
    if (r < 0 && !is_other)
        return r;
    if (is_other || text.len != LEASE_SIZE)
        return -ENOENT;
    memcpy(t.lease, text.data, LEASE_DIGITS);
    if (!lease_is_name(t.lease))
        return -ENOENT;
    fill(&t, claim_dir);
    *ret_try = t;
    return 0;
}

static bool read_end(int dir_fd, struct lease_end *ret_end)
{
    char text[LEASE_MAX_BYTES];
    CLEANUP(fd_closep) int fd = openat(dir_fd, LEASE_END, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return false;
    text[n] = '\0';
    return lease_parse(text, (size_t)n, ret_end);
}

void slurm_attempt_look(const struct slurm_attempt *t, struct slurm_attempt_sight *ret_sight)
{
    struct stat st;
    *ret_sight = (struct slurm_attempt_sight){0};
    /* Opening the directory, not only a file in it, makes NFS ask the server for its content. */
    CLEANUP(fd_closep) int dir_fd = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return;
    ret_sight->has_begun = fstatat(dir_fd, LEASE_BEGUN, &st, AT_SYMLINK_NOFOLLOW) == 0;
    ret_sight->has_ended = read_end(dir_fd, &ret_sight->end) && strcmp(ret_sight->end.lease, t->lease) == 0;
}

/* Checks the size first, to not read an incomplete file again and again. */
static bool is_whole(const char *path, const struct lease_end *end)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    uint64_t sum, size;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == end->size &&
           hash_fd(fd, &sum, &size) == 0 && size == end->size && sum == end->sum;
}

int slurm_attempt_take_result(const struct slurm_attempt *t, const struct lease_end *end, struct err *err)
{
    CLEANUP(mem_freep) char *from = file_of(t, STATE_RESULT);
    CLEANUP(mem_freep) char *to = mem_printf("%s/" STATE_RESULT, t->claim_dir);
    if (!is_whole(from, end))
        return err_set(err, ERR_INTERNAL, EBADMSG, "%s is not the one that its job wrote", from);
    failpoint("cluster-result-checked");
    return fs_rename_durable(from, to, err);
}

/* Replaces those of an earlier attempt: the last ones tell most. */
static void move_logs(const struct slurm_attempt *t)
{
    static const char *const names[] = {STATE_STDOUT, STATE_STDERR, STATE_SUMMARY, STATE_PAGE};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_freep) char *from = file_of(t, names[i]);
        CLEANUP(mem_freep) char *to = mem_printf("%s/%s", t->claim_dir, names[i]);
        rename(from, to); /* a missing file needs no copy */
    }
}

void slurm_attempt_close(const struct slurm_attempt *t, const char *why)
{
    CLEANUP(mem_freep) char *path = lease_file(t->claim_dir);
    CLEANUP(mem_freep) char *why_path = mem_printf("%s/" STATE_WHY, t->claim_dir);
    move_logs(t);
    if (why) /* only for people: errors are ignored */
        fs_write_plain(why_path, why, MIN(strlen(why), (size_t)WHY_LIMIT_BYTES), NULL);
    unlink(path);
    failpoint("cluster-lease-closed");
    remove_dir(t);
}

size_t slurm_attempt_read_log(const struct slurm_attempt *t, uint64_t offset, char *ret_data, size_t size)
{
    CLEANUP(mem_freep) char *path = file_of(t, STATE_JOB_LOG);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : pread(fd, ret_data, size, (off_t)offset);
    return n > 0 ? (size_t)n : 0;
}
