#include "job/etc_cache.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "job/git/cache.h"
#include "model/state_files.h"
#include "sandbox/etc.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

#define LIST_LIMIT_BYTES (4U << 20)

/*
 * Returns the path of the list of files from which this host's last tree was made. It is named
 * after the host, since the hosts of a cluster may share a cache.
 */
static char *list_path(const char *dir)
{
    struct utsname host = {0};
    uname(&host);
    uint64_t hash = hash_add(HASH_START, host.nodename, strlen(host.nodename));
    return mem_printf("%s/%016" PRIx64 ".list", dir, hash);
}

static char *tree_path(const char *dir, uint64_t hash)
{
    return mem_printf("%s/%016" PRIx64, dir, hash);
}

/*
 * Returns the path of the tree for the host's current files, which may not exist. The caller frees.
 */
static char *find(const char *dir, const char *list)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    CLEANUP(strv_done) struct strv paths = {0};
    if (fs_read_file(list, LIST_LIMIT_BYTES, &text, NULL) == 0)
        strv_split(&paths, text.data ? text.data : "", "\n");
    return tree_path(dir, etc_hash("", &paths));
}

/* Renames the tree. Another host that shares the cache may have built the same one meanwhile. */
static int put_in_place(const char *staging, const char *tree, struct err *err)
{
    struct err renaming = {0};
    int r = fs_exists(tree) ? 0 : fs_rename_tree_durable(staging, tree, &renaming);
    if (r == 0 || ((r == -EEXIST || r == -ENOTEMPTY) && fs_exists(tree)))
        return 0;
    *err = renaming;
    return r;
}

/*
 * Builds the tree that find() returns next, unless the host changes meanwhile. The list is locked.
 */
static int build(const char *dir, const char *list, int cancel_fd, char **ret_tree, struct err *err)
{
    CLEANUP(mem_freep) char *staging = mem_printf("%s.new", list);
    CLEANUP(strv_done) struct strv paths = {0};
    struct etc_sources sources = {0};
    int r = fs_remove_tree(staging, err);
    if (r < 0)
        return r;
    r = etc_build("", staging, &sources, err);
    paths = sources.paths;
    CLEANUP(mem_freep) char *lines = strv_join(&paths, "\n");
    CLEANUP(mem_freep) char *tree = tree_path(dir, sources.hash);
    if (r == 0)
        r = cache_hold(tree, cancel_fd, err);
    if (r == 0)
        r = put_in_place(staging, tree, err);
    fs_remove_tree(staging, NULL);
    if (r == 0)
        r = fs_write_atomic(list, lines, strlen(lines), err);
    if (r < 0)
        return r;
    log_debug("built the sandbox's /etc from %zu files of the host", paths.len);
    *ret_tree = TAKE_PTR(tree);
    return 0;
}

/* Returns the tree in `ret_tree` if it exists, protected from eviction. */
static int take(const char *dir, const char *list, int cancel_fd, char **ret_tree, struct err *err)
{
    CLEANUP(mem_freep) char *tree = find(dir, list);
    if (!fs_exists(tree))
        return 0;
    int r = cache_hold(tree, cancel_fd, err);
    if (r == 0 && fs_exists(tree)) /* not evicted just before */
        *ret_tree = TAKE_PTR(tree);
    return r;
}

int etc_cache_take(const char *cache_dir, int cancel_fd, char **ret_dir, struct err *err)
{
    CLEANUP(mem_freep) char *dir = mem_printf("%s/" STATE_CACHE_ETC, cache_dir);
    CLEANUP(mem_freep) char *list = list_path(dir);
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", list);
    CLEANUP(mem_freep) char *tree = NULL;
    int lock = -1;
    int r = take(dir, list, cancel_fd, &tree, err);
    if (r == 0 && !tree)
        r = fs_make_dirs(dir, 0700, err);
    if (r == 0 && !tree)
        r = fs_lock_wait(lock_path, cancel_fd, &lock, err);
    if (r == 0 && !tree)
        r = take(dir, list, cancel_fd, &tree, err); /* another job may have built it meanwhile */
    if (r == 0 && !tree)
        r = build(dir, list, cancel_fd, &tree, err);
    fs_unlock(lock_path, lock);
    if (r == 0)
        *ret_dir = TAKE_PTR(tree);
    return r;
}
