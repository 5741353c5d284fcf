#include "job/local.h"

#include "base/copytree.h"
#include "base/fs.h"
#include "base/log.h"
#include "job/child.h"
#include "job/git.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>

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

/* A file that is listed, but was removed, is left out; so is what a submodule holds. */
static int copy_listed(const char *dir, const char *path, const char *dest, struct err *err)
{
    CLEANUP(mem_freep) char *from = mem_printf("%s/%s", dir, path);
    CLEANUP(mem_freep) char *to = mem_printf("%s/%s", dest, path);
    CLEANUP(mem_freep) char *copy = mem_strdup(to);
    int r = fs_make_dirs(dirname(copy), 0755, err);
    if (r < 0 || fs_is_dir(from))
        return r < 0 ? r : fs_make_dirs(to, 0755, err);
    return fs_is_there(from) ? copytree_entry(from, to, err) : 0;
}

static bool is_top(const char *dir)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/.git", dir);
    return fs_is_there(path);
}

int local_copy(const struct job *job, const char *dir, const char *dest, struct err *err)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(0);
    int r = list_files(job, dir, &list);
    if (r == -ECANCELED)
        return err_set(err, ERR_CANCELLED, ECANCELED, "Copying %s was stopped", dir);
    if (r < 0 || (list.len == 0 && !is_top(dir))) /* ignored by what it lies in: a directory like any other */
        return copytree(dir, dest, err);
    size_t count = 0;
    r = fs_make_dirs(dest, 0755, err);
    for (size_t at = 0; r == 0 && at < list.len; at += strlen(list.data + at) + 1, count++)
        r = copy_listed(dir, list.data + at, dest, err);
    log_info("copied directory=%s files=%zu", dir, count);
    return r;
}
