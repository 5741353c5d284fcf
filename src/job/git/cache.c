#include "job/git/cache.h"

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *dir;
    bool is_evicted; /* plugin/, made by older versions, is small enough to stay */
} kinds[] = {{"repos", true}, {"suites", true}, {"envs", true}, {"etc", true}, {"plugin", false}};

struct entry {
    char *path;
    struct timespec used;
    uint64_t bytes;
};

struct listing {
    struct entry *entries;
    size_t len;
    uint64_t bytes;
};

static void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->len; i++)
        free(l->entries[i].path);
    free(l->entries);
}

static char *used_path(const char *entry)
{
    return mem_printf("%s.used", entry);
}

int cache_hold(const char *entry, int cancel_fd, struct err *err)
{
    CLEANUP(mem_freep) char *path = used_path(entry);
    int fd;
    int r = fs_lock_shared(path, cancel_fd, &fd, err); /* stays open */
    return r == 0 && futimens(fd, NULL) < 0 ? err_errno(err, errno, "Cannot update the time of %s", path) : r;
}

/* ---- listing entries ---- */

/* Returns the bytes that a tree occupies on disk. Files that vanish meanwhile do not count. */
static uint64_t size_of(const char *path)
{
    char *const roots[] = {(char *)path, NULL};
    uint64_t bytes = 0;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree)
        return 0;
    for (FTSENT *e; (e = fts_read(tree));)
        if (e->fts_info != FTS_DP && e->fts_info != FTS_NS)
            bytes += (uint64_t)e->fts_statp->st_blocks * 512;
    fts_close(tree);
    return bytes;
}

static void add_entry(struct listing *l, const char *path)
{
    CLEANUP(mem_freep) char *used = used_path(path);
    struct stat st = {0}; /* an entry without a .used file counts as the oldest */
    stat(used, &st);
    l->entries = mem_resize(l->entries, l->len + 1, sizeof(*l->entries));
    struct entry *e = &l->entries[l->len++];
    *e = (struct entry){.path = mem_strdup(path), .used = st.st_mtim, .bytes = size_of(path)};
    l->bytes += e->bytes;
}

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used, *y = &((const struct entry *)b)->used;
    int64_t diff = x->tv_sec != y->tv_sec ? x->tv_sec - y->tv_sec : x->tv_nsec - y->tv_nsec;
    return (diff > 0) - (diff < 0);
}

/* ---- leftovers of dead processes ---- */

/* Returns the entry of `path`, which is "<entry><suffix>". The caller frees. */
static char *entry_of(const char *path, const char *suffix)
{
    return mem_strndup(path, strlen(path) - strlen(suffix));
}

/* Removes a half-built or half-removed entry, or a lock file, unless a process holds the lock. */
static void remove_half_done(const char *path, const char *suffix)
{
    CLEANUP(mem_freep) char *entry = entry_of(path, suffix);
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", entry);
    int lock;
    if (fs_lock(lock_path, &lock, NULL) < 0)
        return;
    if (strcmp(suffix, ".lock") != 0)
        fs_remove_tree(path, NULL);
    fs_unlock(lock_path, lock);
}

/* Removes a file whose entry no longer exists. */
static void remove_widow(const char *path, const char *suffix)
{
    CLEANUP(mem_freep) char *entry = entry_of(path, suffix);
    CLEANUP(mem_freep) char *used = used_path(entry);
    int lock;
    if (fs_exists(entry) || fs_lock(used, &lock, NULL) < 0)
        return;
    if (!fs_exists(entry))
        unlink(path);
    fs_unlock(used, lock);
}

/* Returns true if the path is not an entry; removes it if it is a leftover. */
static bool tidy(const char *path)
{
    static const struct {
        const char *suffix;
        void (*remove)(const char *path, const char *suffix);
    } rules[] = {
        {".new", remove_half_done},        {".gone", remove_half_done}, {".lock", remove_half_done},
        {".system.tmp", remove_half_done}, {".tmp", remove_half_done},  {".used", remove_widow},
        {".knows", remove_widow},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!str_ends_with(path, rules[i].suffix))
            continue;
        rules[i].remove(path, rules[i].suffix);
        return true;
    }
    return !fs_is_dir(path);
}

/* ---- evicting ---- */

static int list(const char *cache_dir, struct listing *ret_listing, struct err *err)
{
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", cache_dir, kinds[k].dir);
        CLEANUP(strv_done) struct strv names = {0};
        int r = fs_list_dir(dir, &names, err);
        if (r < 0 && r != -ENOENT)
            return r;
        for (size_t i = 0; i < names.len; i++) {
            CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, names.items[i]);
            if (!tidy(path) && kinds[k].is_evicted)
                add_entry(ret_listing, path);
        }
    }
    if (ret_listing->len)
        qsort(ret_listing->entries, ret_listing->len, sizeof(*ret_listing->entries), by_use);
    return 0;
}

/*
 * Removes the entry in two steps, so that no process ever finds half of it. Returns false if it is
 * in use or cannot be removed.
 */
static bool evict(const struct entry *e, struct err *err)
{
    CLEANUP(mem_freep) char *used = used_path(e->path);
    CLEANUP(mem_freep) char *gone = mem_printf("%s.gone", e->path);
    CLEANUP(mem_freep) char *knows = mem_printf("%s.knows", e->path);
    int lock;
    if (fs_lock(used, &lock, err) < 0)
        return false;
    bool is_gone = fs_remove_tree(gone, err) == 0 && rename(e->path, gone) == 0;
    failpoint("entry-evicted");
    if (is_gone)
        fs_remove_tree(gone, err);
    unlink(knows);
    fs_unlock(used, lock);
    return is_gone;
}

static bool limits_hold(const char *cache_dir, const struct cache_limits *limits, uint64_t bytes)
{
    struct fs_room room;
    return bytes <= limits->size_bytes &&
           (fs_free_space(cache_dir, &room, NULL) < 0 ||
            (room.bytes >= limits->min_free_bytes && room.files >= limits->min_free_files));
}

static bool is_cancelled(int cancel_fd)
{
    struct pollfd stop = {.fd = cancel_fd, .events = POLLIN};
    return poll(&stop, 1, 0) > 0;
}

int cache_trim(const char *cache_dir, const struct cache_limits *limits, int cancel_fd,
               struct cache_trimmed *ret_trimmed, struct err *err)
{
    CLEANUP(listing_done) struct listing l = {0};
    struct cache_trimmed t = {0};
    int r = list(cache_dir, &l, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < l.len && !is_cancelled(cancel_fd) && !limits_hold(cache_dir, limits, l.bytes);
         i++) {
        if (!evict(&l.entries[i], err))
            continue;
        t.evicted++;
        t.evicted_bytes += l.entries[i].bytes;
        l.bytes -= l.entries[i].bytes;
    }
    t.kept = (unsigned)l.len - t.evicted;
    t.kept_bytes = l.bytes;
    *ret_trimmed = t;
    return 0;
}
