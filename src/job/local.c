#include "job/local.h"

#include "base/copytree.h"
#include "base/fs.h"
#include "base/log.h"
#include "job/child.h"
#include "job/git.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#define LISTING_LIMIT_BYTES (64U << 20)

/* The paths of a work tree's files, each ended by NUL; -EIO where it is none. */
static int list_files(const struct job *job, const char *dir, struct buf *ret_list)
{
    static const char *const words[] = {"git",      "-c",       "core.fsmonitor=false", "ls-files",
                                        "--cached", "--others", "--exclude-standard",   "--deduplicate",
                                        "-z"};
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(strv_done) struct strv env = {0};
    git_clean_env(&env);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_push(&argv, words[i]);
    struct child child = {.doing = "Listing the files",
                          .argv = &argv,
                          .env = &env,
                          .cwd = dir,
                          .timeout_ms = job->options->timeout_ms,
                          .output_limit_bytes = LISTING_LIMIT_BYTES,
                          .cancel_fd = job->cancel_fd,
                          .keep = job->git.keep};
    return child_run(&child, ret_list, NULL, NULL);
}

/*
 * Whether all above the file are directories themselves, and none the job's own: what lies behind a link is
 * not in `dir`.
 */
static bool is_inside(const char *dir, const char *path, const struct copytree_bounds *bounds)
{
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        CLEANUP(mem_freep) char *above = mem_printf("%s/%.*s", dir, (int)(slash - path), path);
        struct stat st;
        if (lstat(above, &st) < 0 || !S_ISDIR(st.st_mode) || copytree_is_skipped(bounds, &st))
            return false;
    }
    return true;
}

/*
 * A file that is listed, but was removed or is behind a link by now, is left out; so is what a submodule
 * holds.
 */
static int copy_listed(const char *dir, const char *path, const char *dest, struct copytree_bounds *bounds,
                       struct err *err)
{
    CLEANUP(mem_freep) char *from = mem_printf("%s/%s", dir, path);
    CLEANUP(mem_freep) char *to = mem_printf("%s/%s", dest, path);
    CLEANUP(mem_freep) char *copy = mem_strdup(to);
    if (!is_inside(dir, path, bounds) || !fs_is_there(from))
        return 0;
    int r = fs_make_dirs(dirname(copy), 0755, err);
    if (r < 0 || fs_is_dir(from))
        return r < 0 ? r : fs_make_dirs(to, 0755, err);
    return copytree_entry(from, to, bounds, err);
}

static int copy_all(const char *dir, const struct buf *list, const char *dest, struct copytree_bounds *bounds,
                    struct err *err)
{
    size_t count = 0;
    int r = fs_make_dirs(dest, 0755, err);
    for (size_t at = 0; r == 0 && at < list->len; at += strlen(list->data + at) + 1, count++)
        r = copy_listed(dir, list->data + at, dest, bounds, err);
    log_fields(LOG_LEVEL_INFO, NULL, "copied", LOG_TEXT("directory", dir), LOG_NUMBER("files", count));
    return r;
}

static bool is_top(const char *dir)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/.git", dir);
    return fs_is_there(path);
}

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

int local_copy(const struct job *job, const char *dir, const char *dest, struct err *err)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(0);
    struct copytree_bounds bounds = bounds_of(job);
    int r = list_files(job, dir, &list);
    if (r == -ECANCELED)
        return err_set(err, ERR_CANCELLED, ECANCELED, "Copying %s was stopped", dir);
    if (r == 0 && (list.len || is_top(dir)))
        r = copy_all(dir, &list, dest, &bounds, err);
    else /* no work tree, or ignored by what it lies in */
        r = copytree_within(dir, dest, &bounds, err);
    return r == -EFBIG ? err_set(err, ERR_LIMIT, EFBIG, "%s is larger than the limit of %llu MB (--disk)",
                                 dir, (unsigned long long)(job->options->disk_bytes >> 20))
                       : r;
}
