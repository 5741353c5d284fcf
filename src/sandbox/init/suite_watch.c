/*
 * inotify(7) tells of each new file, also of one that is gone again: a module that removes itself once
 * it is imported. An old file counts as changed when its inode or its ctime is another: nobody can
 * set a ctime, and every write, rename, link and chmod moves it. So a file that was changed and put back is
 * noticed, too.
 */

#include "sandbox/init/suite_watch.h"

#include "base/fd.h"
#include "base/fs.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

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

static char *join(const char *dir, const char *name)
{
    return *dir && *name ? mem_printf("%s/%s", dir, name) : mem_strdup(*dir ? dir : name);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Only the first one is told. */
static void set_found(struct suite_watch *w, const char *path)
{
    if (!w->found)
        w->found = mem_strdup(path);
}

/* What python would import, or pytest and python would read as their settings. */
static bool is_code(const char *path)
{
    static const char *const endings[] = {".py", ".pyc", ".so", ".pth"};
    static const char *const names[] = {"pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"};
    const char *name = base_name(path);
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (len >= strlen(endings[i]) && strcmp(name + len - strlen(endings[i]), endings[i]) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void find_news(struct suite_watch *w, const char *path)
{
    if (is_code(path) && !may_change(w, path))
        set_found(w, path);
}

/* How a directory that was reached through a link ends, among those that are watched. */
#define LINKED "."

static bool is_linked(const char *dir)
{
    size_t len = strlen(dir);
    return len > 2 && strcmp(dir + len - 2, "/" LINKED) == 0;
}

static void find_news_behind(struct suite_watch *w, const char *dir, const char *name)
{
    CLEANUP(mem_freep) char *path = join(dir, name);
    if (strncmp(name, "__init__.", 9) == 0)
        find_news(w, path);
}

/* ---- walking through the tree ---- */

static int watch_dir(struct suite_watch *w, const char *below)
{
    CLEANUP(mem_freep) char *dir = join(w->root, below);
    int number = inotify_add_watch(w->news_fd, dir, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    if (number < 0)
        return -errno;
    while (w->news_dirs.len <= (size_t)number) /* they count from 1 */
        strv_push(&w->news_dirs, below);
    return 0;
}

/* Watches a directory and what is below it, and hands each file of it to `visit`. */
static int walk(struct suite_watch *w, const char *below,
                void (*visit)(struct suite_watch *, const char *, const struct stat *))
{
    CLEANUP(strv_done) struct strv names = {0};
    CLEANUP(mem_freep) char *dir = join(w->root, below);
    int r = watch_dir(w, below); /* first, so that nothing comes in between */
    if (r == 0)
        r = fs_list_dir(dir, &names, NULL);
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *path = join(below, names.items[i]);
        CLEANUP(mem_freep) char *full = join(w->root, path);
        struct stat st;
        if (lstat(full, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            r = walk(w, path, visit);
        else
            visit(w, path, &st);
    }
    return r;
}

static void remember_file(struct suite_watch *w, const char *path, const struct stat *st)
{
    if (!may_change(w, path))
        remember(w, path, st);
}

int suite_watch_start(struct suite_watch *watch, struct err *err)
{
    watch->news_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->news_fd < 0)
        return err_errno(err, errno, "Cannot watch the suite's files (see fs.inotify.max_user_instances)");
    int r = walk(watch, "", remember_file);
    return r < 0 ? err_errno(err, -r, "Cannot watch the suite's files") : 0;
}

/* ---- new files ---- */

/*
 * A new link to a directory may be a package to python, wherever it leads. What lies there is not the
 * suite's, so that only the file that makes it a package counts.
 */
static void look_behind(struct suite_watch *w, const char *path)
{
    CLEANUP(mem_freep) char *full = join(w->root, path);
    CLEANUP(mem_freep) char *behind = join(path, LINKED);
    CLEANUP(strv_done) struct strv names = {0};
    struct stat st;
    if (lstat(full, &st) < 0 || !S_ISLNK(st.st_mode) || may_change(w, path))
        return;
    bool leads_nowhere = stat(full, &st) < 0;
    bool is_dir = !leads_nowhere && S_ISDIR(st.st_mode);
    if (leads_nowhere || (is_dir && watch_dir(w, behind) < 0))
        set_found(w, path);
    else if (is_dir && fs_list_dir(full, &names, NULL) == 0)
        for (size_t i = 0; i < names.len; i++)
            find_news_behind(w, behind, names.items[i]);
}

static void find_new_file(struct suite_watch *w, const char *path, const struct stat *st)
{
    find_news(w, path);
    look_behind(w, path);
}

/* Whether python could import a directory of this name. */
static bool is_importable(const char *path)
{
    for (const char *p = base_name(path); *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_' && (unsigned char)*p < 0x80)
            return false;
    return true;
}

/* A new directory. One that is gone again before we could look may have been a package for a moment. */
static void look_into(struct suite_watch *w, const char *path)
{
    int r = walk(w, path, find_new_file);
    if (r < 0 && is_importable(path) && !may_change(w, path))
        set_found(w, path);
}

static void take_event(struct suite_watch *w, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        set_found(w, "(more new files at once than can be told)");
    if (!event->len || event->wd < 0 || (size_t)event->wd >= w->news_dirs.len)
        return;
    const char *dir = w->news_dirs.items[event->wd];
    if (is_linked(dir)) {
        find_news_behind(w, dir, event->name);
        return;
    }
    CLEANUP(mem_freep) char *path = join(dir, event->name);
    if (event->mask & IN_ISDIR) {
        look_into(w, path);
    } else {
        find_news(w, path);
        look_behind(w, path);
    }
}

void suite_watch_take_news(struct suite_watch *watch)
{
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t len;
    while ((len = read(watch->news_fd, buffer, sizeof(buffer))) > 0) {
        for (const char *p = buffer; p < buffer + len;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)p;
            take_event(watch, event);
            p += sizeof(*event) + event->len;
        }
    }
}

/* ---- */

static bool is_unchanged(const struct suite_watch *w, const struct watched_file *f)
{
    CLEANUP(mem_freep) char *path = join(w->root, f->path);
    struct stat st;
    return lstat(path, &st) == 0 && st.st_ino == f->inode && st.st_ctim.tv_sec == f->ctime.tv_sec &&
           st.st_ctim.tv_nsec == f->ctime.tv_nsec;
}

char *suite_watch_check(struct suite_watch *watch)
{
    for (size_t i = 0; i < watch->len; i++)
        if (!is_unchanged(watch, &watch->files[i]))
            return mem_strdup(watch->files[i].path);
    suite_watch_take_news(watch);
    return mem_strdup(watch->found);
}

void suite_watch_done(struct suite_watch *watch)
{
    for (size_t i = 0; i < watch->len; i++)
        free(watch->files[i].path);
    free(watch->files);
    free(watch->found);
    strv_done(&watch->news_dirs);
    fd_close(watch->news_fd);
}
