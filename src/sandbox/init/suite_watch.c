/*
 * A file counts as changed when its inode or its ctime is another: nobody can set a ctime, and every
 * write, rename, link and chmod moves it. So a file that was changed and put back is noticed, too.
 */

#include "sandbox/init/suite_watch.h"

#include "base/fs.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

struct watched_file {
    char *path; /* below the root */
    ino_t inode;
    struct timespec ctime;
};

static bool may_change(const struct suite_watch *w, const char *path)
{
    for (size_t i = 0; i < w->may_change->len; i++)
        if (fnmatch(w->may_change->items[i], path, 0) == 0)
            return true;
    return false;
}

static void remember(struct suite_watch *w, const char *path, const struct stat *st)
{
    if (w->len == w->cap) {
        w->cap = MAX(2 * w->cap, (size_t)64);
        w->files = mem_resize(w->files, w->cap, sizeof(*w->files));
    }
    w->files[w->len++] = (struct watched_file){mem_strdup(path), st->st_ino, st->st_ctim};
}

/* Calls `visit` for each file of the tree that is no directory, until one gives other than 0. */
static int walk(const char *root, const char *below, int (*visit)(const char *, const struct stat *, void *),
                void *data)
{
    CLEANUP(strv_done) struct strv names = {0};
    CLEANUP(mem_freep) char *dir = *below ? mem_printf("%s/%s", root, below) : mem_strdup(root);
    int r = fs_list_dir(dir, &names, NULL);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s%s%s", below, *below ? "/" : "", names.items[i]);
        CLEANUP(mem_freep) char *full = mem_printf("%s/%s", root, path);
        struct stat st;
        if (lstat(full, &st) < 0)
            continue;
        r = S_ISDIR(st.st_mode) ? walk(root, path, visit, data) : visit(path, &st, data);
    }
    return r;
}

static int remember_file(const char *path, const struct stat *st, void *data)
{
    struct suite_watch *w = data;
    if (!may_change(w, path))
        remember(w, path, st);
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct watched_file *)a)->path, ((const struct watched_file *)b)->path);
}

int suite_watch_start(struct suite_watch *watch, const char *root, struct err *err)
{
    int r = walk(root, "", remember_file, watch);
    if (watch->len)
        qsort(watch->files, watch->len, sizeof(*watch->files), compare_paths);
    return r < 0 ? err_errno(err, -r, "Cannot list the suite's files") : 0;
}

/* What python would import, or pytest and python would read as their settings. */
static bool is_code(const char *path)
{
    static const char *const endings[] = {".py",         ".pyc",     ".so",        ".pth",
                                          "/pytest.ini", "/tox.ini", "/setup.cfg", "/pyproject.toml"};
    size_t len = strlen(path);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        const char *ending = endings[i];
        size_t ending_len = strlen(ending);
        if (len >= ending_len && strcmp(path + len - ending_len, ending) == 0)
            return true;
        if (ending[0] == '/' && strcmp(path, ending + 1) == 0)
            return true;
    }
    return false;
}

struct search {
    const struct suite_watch *watch;
    char *found;
};

static int look_for_new_code(const char *path, const struct stat *st, void *data)
{
    struct search *search = data;
    struct watched_file key = {.path = (char *)path};
    if (!is_code(path) || may_change(search->watch, path) ||
        (search->watch->len &&
         bsearch(&key, search->watch->files, search->watch->len, sizeof(key), compare_paths)))
        return 0;
    search->found = mem_strdup(path);
    return 1;
}

char *suite_watch_check(const struct suite_watch *watch, const char *root)
{
    struct search search = {.watch = watch};
    for (size_t i = 0; i < watch->len; i++) {
        const struct watched_file *f = &watch->files[i];
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", root, f->path);
        struct stat st;
        if (lstat(path, &st) < 0 || st.st_ino != f->inode || st.st_ctim.tv_sec != f->ctime.tv_sec ||
            st.st_ctim.tv_nsec != f->ctime.tv_nsec)
            return mem_strdup(f->path);
    }
    walk(root, "", look_for_new_code, &search);
    return search.found;
}

void suite_watch_done(struct suite_watch *watch)
{
    for (size_t i = 0; i < watch->len; i++)
        free(watch->files[i].path);
    free(watch->files);
}
