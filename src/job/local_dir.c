#include "job/local_dir.h"

#include "base/copytree.h"
#include "base/fs.h"
#include "base/log.h"
#include "job/worktree.h"
#include "job/worktree_notes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- a git work tree ---- */

/* Files of a work tree, each name ended by NUL. */
struct files {
    struct buf list;   /* files and submodules, including missing ones */
    struct buf gone;   /* tracked, but now below a symbolic link or of another kind */
    struct buf nested; /* directories of other repositories */
    uint64_t bytes;
    size_t count;
};

static void files_done(struct files *f)
{
    buf_done(&f->list);
    buf_done(&f->gone);
    buf_done(&f->nested);
}

/*
 * Returns true if the file lies below a symbolic link, and so outside of `dir`, or below the job's
 * own directory. Directories above it may be missing.
 */
static bool is_elsewhere(const char *dir, const char *path, const struct copytree_bounds *bounds)
{
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        CLEANUP(mem_freep) char *above = mem_printf("%s/%.*s", dir, (int)(slash - path), path);
        struct stat st;
        if (lstat(above, &st) == 0 && (!S_ISDIR(st.st_mode) || copytree_is_skipped(bounds, &st)))
            return true;
    }
    return false;
}

/* Returns true for the empty directory of a submodule, or one that has replaced a file. */
static bool is_plain_dir(const char *path, const struct stat *st)
{
    CLEANUP(mem_freep) char *git = mem_printf("%s/.git", path);
    return S_ISDIR(st->st_mode) && !fs_is_there(git);
}

static void sort_in(struct files *f, const char *dir, const char *path, const struct copytree_bounds *bounds)
{
    CLEANUP(mem_freep) char *full = mem_printf("%s/%s", dir, path);
    size_t size = strlen(path) + 1;
    struct stat st = {0};
    bool is_out = is_elsewhere(dir, path, bounds);
    bool is_there = !is_out && lstat(full, &st) == 0;
    bool is_nested = path[size - 2] == '/'; /* an untracked repository */
    bool is_plain = is_there && is_plain_dir(full, &st);
    bool is_special = is_there && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode);
    f->bytes += is_there && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    f->count += is_there && !is_special;
    if (is_there && (is_nested || is_plain))
        buf_append(&f->nested, path, size);
    if (!is_nested)
        buf_append(is_out || is_plain || is_special ? &f->gone : &f->list, path, size);
}

/* Creates the directories of nested repositories; like those of submodules, they stay empty. */
static int make_nested(const struct files *f, const char *dest, struct err *err)
{
    int r = 0;
    for (size_t at = 0; r == 0 && at < f->nested.len; at += strlen(f->nested.data + at) + 1) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dest, f->nested.data + at);
        r = fs_make_dirs(path, 0755, err);
    }
    return r;
}

static int take(struct worktree *s, const struct buf *listed, const char *dest,
                const struct copytree_bounds *bounds, struct err *err)
{
    CLEANUP(files_done) struct files f = {BUF_INIT(0), BUF_INIT(0), BUF_INIT(0), 0, 0};
    for (size_t at = 0; at < listed->len; at += strlen(listed->data + at) + 1)
        sort_in(&f, s->dir, listed->data + at, bounds);
    if (f.bytes > bounds->left_bytes)
        return -EFBIG;
    int r = worktree_take(s, &f.list, &f.gone, dest, err);
    if (r == 0)
        r = make_nested(&f, dest, err);
    if (r < 0)
        return r;
    worktree_notes_tell(s, &f.list, dest);
    log_fields(LOG_LEVEL_INFO, NULL, "copied", LOG_TEXT("directory", s->dir), LOG_NUMBER("files", f.count));
    return 0;
}

/* ---- any directory ---- */

static struct copytree_bounds bounds_of(const struct job *job)
{
    struct copytree_bounds bounds = {
        .left_bytes = job->options->disk_bytes, .cancel_fd = job->cancel_fd, .leaves_special = true};
    struct stat st;
    bounds.has_skipped = stat(job->dir, &st) == 0;
    if (bounds.has_skipped) {
        bounds.skipped_dev = st.st_dev;
        bounds.skipped_ino = st.st_ino;
    }
    return bounds;
}

static int copy(const struct job *job, const char *dir, const char *dest, struct err *err)
{
    CLEANUP(mem_freep) char *repo = mem_printf("%s.git", dest);
    CLEANUP(buf_done) struct buf listed = BUF_INIT(0);
    CLEANUP(worktree_done) struct worktree s = {0};
    struct copytree_bounds bounds = bounds_of(job);
    int r = worktree_find(job, dir, repo, &s, err);
    if (r == 0)
        r = worktree_list(&s, &listed, err);
    bool is_ignored = r == 0 && !listed.len && *s.prefix; /* by the work tree around it */
    if (r == -ENOENT || is_ignored)
        return copytree_within(dir, dest, &bounds, err);
    return r < 0 ? r : take(&s, &listed, dest, &bounds, err);
}

int local_dir_copy(const struct job *job, const char *dir, const char *dest, struct err *err)
{
    int r = copy(job, dir, dest, err);
    if (r == -ECANCELED)
        return err_set(err, ERR_CANCELLED, ECANCELED, "Copying %s was stopped", dir);
    return r == -EFBIG ? err_set(err, ERR_LIMIT, EFBIG, "%s is larger than the limit of %llu MB (--disk)",
                                 dir, (unsigned long long)(job->options->disk_bytes >> 20))
                       : r;
}
