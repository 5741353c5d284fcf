#include "sandbox/init/suite_tree.h"

#include "base/copytree.h"
#include "base/fd.h"
#include "base/fs.h"
#include "sandbox/init/suite_names.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Owner and group of files whose ids are not mapped in this user namespace (user_namespaces(7)). */
#define OVERFLOW_ID 65534

/* The directory above the suite; it has no originals. */
#define PARENT       ".."
#define OPAQUE_XATTR "user.overlay.opaque"

void suite_tree_init(struct suite_tree *tree, const struct strv *may_change)
{
    *tree = (struct suite_tree){.may_change = may_change, .lower_fd = -1, .changed_fd = -1, .news_fd = -1};
}

void suite_tree_done(struct suite_tree *tree)
{
    fd_close(tree->lower_fd);
    fd_close(tree->changed_fd);
    fd_close(tree->news_fd);
    strv_done(&tree->news_dirs);
    free(tree->seen.path);
}

/* ---- paths: relative to the root, "" is the root itself ---- */

static char *join(const char *dir, const char *name)
{
    return *dir ? mem_printf("%s/%s", dir, name) : mem_strdup(name);
}

static char *path_in(int fd, const char *path)
{
    return mem_printf("/proc/self/fd/%d/%s", fd, path);
}

static bool is_there(int fd, const char *path, struct stat *ret_st)
{
    return fstatat(fd, path, ret_st, AT_SYMLINK_NOFOLLOW | (*path ? 0 : AT_EMPTY_PATH)) == 0;
}

static bool is_original(const struct suite_tree *t, const char *path)
{
    struct stat st;
    return is_there(t->lower_fd, path, &st);
}

static bool may_change(const struct suite_tree *t, const char *path)
{
    for (size_t i = 0; i < t->may_change->len; i++)
        if (fnmatch(t->may_change->items[i], path, 0) == 0)
            return true;
    return false;
}

static int open_dir(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* ---- mounting or copying */

/*
 * The root of the merged tree has the owner and mode of the upper layer. Directories below it get
 * those of the lower layer when they are copied up.
 */
static int make_layers(struct suite_tree *t, const char *layers, const struct stat *root, int *ret_work_fd)
{
    CLEANUP(mem_freep) char *upper = mem_printf("%s/upper", layers);
    CLEANUP(mem_freep) char *work = mem_printf("%s/work", layers);
    if (mkdir(layers, 0700) < 0 || mkdir(upper, 0700) < 0 || mkdir(work, 0700) < 0)
        return -errno;
    t->changed_fd = open_dir(upper);
    *ret_work_fd = open_dir(work);
    if (t->changed_fd < 0 || *ret_work_fd < 0 || fchown(t->changed_fd, root->st_uid, root->st_gid) < 0 ||
        fchmod(t->changed_fd, root->st_mode & 07777) < 0)
        return -errno;
    /*
     * tmpfs has user attributes since Linux 6.6. Without them, no directory in an overlay can be
     * renamed.
     */
    if (fsetxattr(t->changed_fd, "user.ostest", "", 0, 0) < 0 ||
        fremovexattr(t->changed_fd, "user.ostest") < 0)
        return -errno;
    return 0;
}

/* Names the layers by descriptors, so that /proc/self/mountinfo does not show their paths. */
static int mount_overlay(struct suite_tree *t, const char *layers, const char *to, struct err *err)
{
    CLEANUP(fd_closep) int work_fd = -1;
    struct stat root;
    if (fstat(t->lower_fd, &root) < 0)
        return err_errno(err, errno, "Cannot stat the suite");
    if (root.st_uid == OVERFLOW_ID || root.st_gid == OVERFLOW_ID)
        return err_set(err, ERR_ENVIRONMENT, EOVERFLOW,
                       "the suite's files have a user or group that is not the runner's");
    int r = make_layers(t, layers, &root, &work_fd);
    if (r < 0)
        return err_errno(err, -r,
                         "cannot make the layers of an overlay, which needs tmpfs with user attributes");
    CLEANUP(mem_freep)
    char *options = mem_printf("lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,"
                               "userxattr",
                               t->lower_fd, t->changed_fd, work_fd);
    if (mount("overlay", to, "overlay", MS_NOSUID | MS_NODEV, options) < 0)
        return err_errno(err, errno, "cannot mount an overlay");
    t->is_overlay = true;
    return 0;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/*
 * File timestamps may lag behind the clock by a tick: waits until any further change gets a later
 * one.
 */
static int wait_for_later_ctime(struct timespec *ret_copied)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, ret_copied) < 0)
        return -errno;
    do {
        if (clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0)
            return -errno;
    } while (!is_later(&now, ret_copied));
    return 0;
}

/*
 * If the runner is root, originals belong to a user of their own. In an overlay, files that may
 * change are given to the tests' user; in a copy, which belongs to that user, the others are given
 * back.
 */
static int set_owner(const struct suite_tree *t, const char *path, const struct stat *original,
                     const char *to)
{
    CLEANUP(mem_freep) char *seen = mem_printf("%s/%s", to, path);
    bool is_fixed = !may_change(t, path);
    if (original->st_uid == getuid() || original->st_uid == OVERFLOW_ID || is_fixed == t->is_overlay)
        return 0;
    if (lchown(seen, is_fixed ? original->st_uid : getuid(), (gid_t)-1) < 0)
        return -errno;
    return !is_fixed || S_ISLNK(original->st_mode) || chmod(seen, original->st_mode & 07777) == 0 ? 0
                                                                                                  : -errno;
}

static int set_owners(const struct suite_tree *t, const char *dir, const char *to, struct err *err)
{
    CLEANUP(strv_done) struct strv names = {0};
    CLEANUP(mem_freep) char *full = path_in(t->lower_fd, dir);
    struct stat st;
    int r = fs_list_dir(full, &names, err);
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *path = join(dir, names.items[i]);
        if (!is_there(t->lower_fd, path, &st))
            continue;
        if (S_ISDIR(st.st_mode))
            r = set_owners(t, path, to, err);
        int failed = r == 0 ? set_owner(t, path, &st, to) : 0;
        if (failed < 0)
            r = err_errno(err, -failed, "Cannot change the owner of %s", path);
    }
    if (r == 0 && !*dir && !t->is_overlay && is_there(t->lower_fd, "", &st))
        r = set_owner(t, "", &st, to);
    return r;
}

static int copy(struct suite_tree *t, const char *lower, const char *to, struct err *err)
{
    t->changed_fd = fd_close(t->changed_fd);
    int r = rmdir(to) < 0 ? err_errno(err, errno, "Cannot remove %s", to) : copytree(lower, to, err);
    if (r < 0)
        return r;
    r = set_owners(t, "", to, err);
    if (r < 0)
        return r;
    t->changed_fd = open_dir(to);
    r = t->changed_fd < 0 ? -errno : wait_for_later_ctime(&t->copied);
    return r < 0 ? err_errno(err, -r, "Cannot open the copy of the suite") : 0;
}

int suite_tree_open(struct suite_tree *tree, const char *lower, const char *layers, const char *to,
                    struct err *ret_why, struct err *err)
{
    tree->lower_fd = open_dir(lower);
    if (tree->lower_fd < 0 || mkdir(to, 0755) < 0)
        return err_errno(err, errno, "Cannot open the suite");
    int r = mount_overlay(tree, layers, to, ret_why) < 0 ? copy(tree, lower, to, err) : 0;
    return r == 0 && tree->is_overlay && tree->may_change->len ? set_owners(tree, "", to, err) : r;
}

/* ---- new names ---- */

static int watch_dir(struct suite_tree *t, const char *root, const char *dir)
{
    CLEANUP(strv_done) struct strv names = {0};
    CLEANUP(mem_freep) char *seen = mem_printf("%s/%s", root, dir);
    CLEANUP(mem_freep) char *lower = path_in(t->lower_fd, dir);
    uint32_t events = IN_CREATE | IN_MOVED_TO | (t->is_overlay ? 0 : IN_MOVE_SELF);
    int number = inotify_add_watch(t->news_fd, seen, events | IN_ONLYDIR | IN_DONT_FOLLOW);
    int r = number < 0 ? -errno : fs_list_dir(lower, &names, NULL);
    t->watches++;
    while (r == 0 && t->news_dirs.len <= (size_t)number) /* watch descriptors count from 1 */
        strv_push(&t->news_dirs, dir);
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *path = join(dir, names.items[i]);
        struct stat st;
        if (is_there(t->lower_fd, path, &st) && S_ISDIR(st.st_mode))
            r = watch_dir(t, root, path);
    }
    return r;
}

/* Programs also look for settings in the directories above their own. */
static int watch_parent(struct suite_tree *t, const char *root)
{
    CLEANUP(mem_freep) char *seen = mem_printf("%s/" PARENT, root);
    int number = inotify_add_watch(t->news_fd, seen, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    t->watches++;
    while (number >= 0 && t->news_dirs.len <= (size_t)number)
        strv_push(&t->news_dirs, PARENT);
    return number < 0 ? -errno : 0;
}

int suite_tree_watch(struct suite_tree *tree, const char *root, struct err *err)
{
    tree->news_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (tree->news_fd < 0)
        return err_errno(err, errno,
                         "Cannot watch the suite's directories (see fs.inotify.max_user_instances)");
    int r = watch_dir(tree, root, "");
    if (r == 0)
        r = watch_parent(tree, root);
    return r < 0
               ? err_errno(err, -r, "Cannot watch the suite's directories (see fs.inotify.max_user_watches)")
               : 0;
}

static void see(struct suite_tree *t, const char *path, bool is_new)
{
    if (!t->seen.path)
        t->seen = (struct suite_change){mem_strdup(path), is_new};
}

static void take_name(struct suite_tree *t, const char *dir, const char *name)
{
    CLEANUP(strv_done) struct strv originals = {0};
    CLEANUP(mem_freep) char *lower = path_in(t->lower_fd, dir);
    CLEANUP(mem_freep) char *path = join(dir, name);
    if (strcmp(dir, PARENT) == 0) {
        if (suite_names_are_preferred(name, &originals))
            see(t, path, true);
        return;
    }
    if (suite_names_are_taken(name) && !is_original(t, path) && !may_change(t, path) &&
        fs_list_dir(lower, &originals, NULL) == 0 && suite_names_are_preferred(name, &originals))
        see(t, path, true);
}

static void take_event(struct suite_tree *t, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        see(t, "(unknown: too many changes at once)", true);
    if (event->wd <= 0 || (size_t)event->wd >= t->news_dirs.len)
        return;
    const char *dir = t->news_dirs.items[event->wd];
    if (event->mask & IN_MOVE_SELF)
        see(t, dir, false);
    if (event->len)
        take_name(t, dir, event->name);
}

void suite_tree_take_news(struct suite_tree *tree)
{
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t len;
    while ((len = read(tree->news_fd, buffer, sizeof(buffer))) > 0) {
        for (const char *p = buffer; p < buffer + len;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)p;
            take_event(tree, event);
            p += sizeof(*event) + event->len;
        }
    }
}

/* ---- the check ---- */

/* Returns the first original at or below the path that must not change. The caller frees. */
static char *first_fixed(const struct suite_tree *t, const char *path)
{
    CLEANUP(strv_done) struct strv names = {0};
    CLEANUP(mem_freep) char *full = path_in(t->lower_fd, path);
    struct stat st;
    if (may_change(t, path) || !is_there(t->lower_fd, path, &st))
        return NULL;
    if (!S_ISDIR(st.st_mode) || fs_list_dir(full, &names, NULL) < 0)
        return mem_strdup(path);
    char *found = NULL;
    for (size_t i = 0; !found && i < names.len; i++) {
        CLEANUP(mem_freep) char *below = join(path, names.items[i]);
        found = first_fixed(t, below);
    }
    return found;
}

/*
 * Returns true if the directory was removed and created again: it shows nothing of the lower layer.
 */
static bool is_opaque(const struct suite_tree *t, const char *path)
{
    CLEANUP(mem_freep) char *full = path_in(t->changed_fd, path);
    char value;
    return lgetxattr(full, OPAQUE_XATTR, &value, 1) == 1 && value == 'y';
}

static bool is_same_link(const char *a, const char *b)
{
    char x[PATH_MAX], y[PATH_MAX];
    ssize_t len = readlink(a, x, sizeof(x));
    return len >= 0 && readlink(b, y, sizeof(y)) == len && memcmp(x, y, (size_t)len) == 0;
}

static bool is_same_file(const char *a, const char *b)
{
    static char x[32768], y[sizeof(x)];
    CLEANUP(fd_closep) int a_fd = open(a, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(fd_closep) int b_fd = open(b, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t len = -1;
    while (a_fd >= 0 && b_fd >= 0 && (len = read(a_fd, x, sizeof(x))) > 0)
        if (read(b_fd, y, (size_t)len) != len || memcmp(x, y, (size_t)len) != 0)
            return false;
    return len == 0 && read(b_fd, y, 1) == 0;
}

/* Compares contents too: a write through a shared mapping does not change the ctime. */
static bool is_unchanged_copy(const struct suite_tree *t, const char *path, const struct stat *original,
                              const struct stat *now)
{
    CLEANUP(mem_freep) char *a = path_in(t->lower_fd, path);
    CLEANUP(mem_freep) char *b = path_in(t->changed_fd, path);
    return (original->st_mode & S_IFMT) == (now->st_mode & S_IFMT) && !is_later(&now->st_ctim, &t->copied) &&
           (S_ISLNK(now->st_mode) ? is_same_link(a, b) : is_same_file(a, b));
}

static void check_dir(const struct suite_tree *t, const char *dir, struct suite_change *found);

static void check_original(const struct suite_tree *t, const char *path, const struct stat *original,
                           struct suite_change *found)
{
    struct stat now;
    bool is_present = is_there(t->changed_fd, path, &now);
    if (S_ISDIR(original->st_mode)) {
        if (!is_present || !S_ISDIR(now.st_mode) || is_opaque(t, path))
            found->path = first_fixed(t, path);
        else if (original->st_mode & ~now.st_mode & S_IRWXU) /* inaccessible to tree walks */
            found->path = mem_strdup(path);
        else
            check_dir(t, path, found);
    } else if (!may_change(t, path) &&
               (t->is_overlay || !is_present || !is_unchanged_copy(t, path, original, &now))) {
        found->path = mem_strdup(path);
    }
}

/*
 * Lists the names of both sides, so that nothing missing in one is overlooked; many are listed
 * twice.
 */
static void list(const struct suite_tree *t, const char *dir, struct strv *ret_names)
{
    CLEANUP(mem_freep) char *changed = path_in(t->changed_fd, dir);
    CLEANUP(mem_freep) char *lower = path_in(t->lower_fd, dir);
    fs_list_dir(changed, ret_names, NULL);
    if (!t->is_overlay)
        fs_list_dir(lower, ret_names, NULL);
}

static void check_dir(const struct suite_tree *t, const char *dir, struct suite_change *found)
{
    CLEANUP(strv_done) struct strv names = {0};
    list(t, dir, &names);
    for (size_t i = 0; !found->path && i < names.len; i++) {
        CLEANUP(mem_freep) char *path = join(dir, names.items[i]);
        struct stat original;
        if (is_there(t->lower_fd, path, &original))
            check_original(t, path, &original, found);
    }
}

struct suite_change suite_tree_check(struct suite_tree *tree)
{
    struct suite_change found = {0};
    struct stat original;
    if (is_there(tree->lower_fd, "", &original))
        check_original(tree, "", &original, &found);
    if (found.path && !*found.path) {
        free(found.path);
        found.path = mem_strdup("(the suite's directory)");
    }
    suite_tree_take_news(tree);
    return found.path ? found : (struct suite_change){TAKE_PTR(tree->seen.path), tree->seen.is_new};
}
