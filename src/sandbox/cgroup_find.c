#include "sandbox/cgroup_find.h"

#include "base/fd.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT_BYTES (1U << 20)

/* Child group that the runner moves itself into. */
#define OWN_LEAF "ostest-runner"

/* ---- /proc/self/cgroup: "id:controllers:path"; /proc/self/mountinfo: see proc(5) ---- */

static const char *const controllers[CGROUP_TREES] = {"memory", "pids", "cpu", "cpuacct", ""};

static bool has_word(const char *list, const char *word)
{
    CLEANUP(strv_done) struct strv words = {0};
    strv_split(&words, list, ", \n");
    return strv_contains(&words, word);
}

/*
 * Returns the path of our group in the hierarchy of a controller ("": the unified one), or NULL.
 * The caller frees.
 */
static char *own_path(const char *cgroups, const char *controller)
{
    CLEANUP(strv_done) struct strv lines = {0};
    strv_split(&lines, cgroups, "\n");
    for (size_t i = 0; i < lines.len; i++) {
        char *list = strchr(lines.items[i], ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        if (*controller ? has_word(list + 1, controller) : list[1] == '\0')
            return mem_strdup(path);
    }
    return NULL;
}

/* A line of mountinfo; the pointers point into `words`. */
struct mount {
    struct strv words;
    const char *root, *point, *type, *options;
};

static bool parse_mount(const char *line, struct mount *m)
{
    strv_split(&m->words, line, " ");
    size_t dash = 0;
    while (dash < m->words.len && strcmp(m->words.items[dash], "-") != 0)
        dash++;
    if (dash < 6 || dash + 3 >= m->words.len)
        return false;
    m->root = m->words.items[3];
    m->point = m->words.items[4];
    m->type = m->words.items[dash + 1];
    m->options = m->words.items[dash + 3];
    return true;
}

/* Returns where `path` of the mounted hierarchy is visible, or NULL. The caller frees. */
static char *seen_at(const struct mount *m, const char *path)
{
    size_t len = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);
    if (strncmp(path, m->root, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return mem_printf("%s%s", m->point, strcmp(path + len, "/") == 0 ? "" : path + len);
}

static char *own_dir(const char *cgroups, const char *mounts, const char *controller)
{
    CLEANUP(mem_freep) char *path = own_path(cgroups, controller);
    CLEANUP(strv_done) struct strv lines = {0};
    char *dir = NULL;
    strv_split(&lines, mounts, "\n");
    for (size_t i = 0; path && !dir && i < lines.len; i++) {
        struct mount m = {0};
        if (parse_mount(lines.items[i], &m) &&
            (*controller ? strcmp(m.type, "cgroup") == 0 && has_word(m.options, controller)
                         : strcmp(m.type, "cgroup2") == 0))
            dir = seen_at(&m, path);
        strv_done(&m.words);
    }
    return dir;
}

static char *read_text(const char *path)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    return fs_read_file(path, FILE_LIMIT_BYTES, &text, NULL) < 0 ? mem_strdup("") : buf_take(&text);
}

char *cgroup_own_dir(const char *controller)
{
    CLEANUP(mem_freep) char *cgroups = read_text("/proc/self/cgroup");
    CLEANUP(mem_freep) char *mounts = read_text("/proc/self/mountinfo");
    return own_dir(cgroups, mounts, controller);
}

int cgroup_write(const char *dir, const char *file, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, file);
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

char *cgroup_read(const char *dir, const char *file)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, file);
    return read_text(path);
}

uint64_t cgroup_read_number(const char *dir, const char *file)
{
    CLEANUP(mem_freep) char *text = cgroup_read(dir, file);
    return strtoull(text, NULL, 10);
}

uint64_t cgroup_read_keyed(const char *dir, const char *file, const char *key)
{
    CLEANUP(mem_freep) char *text = cgroup_read(dir, file);
    CLEANUP(strv_done) struct strv lines = {0};
    size_t len = strlen(key);
    strv_split(&lines, text, "\n");
    for (size_t i = 0; i < lines.len; i++)
        if (strncmp(lines.items[i], key, len) == 0 && lines.items[i][len] == ' ')
            return strtoull(lines.items[i] + len, NULL, 10);
    return 0;
}

uint64_t cgroup_read_memory(const char *memory_dir, bool is_v2)
{
    return cgroup_read_number(memory_dir, is_v2 ? "memory.current" : "memory.usage_in_bytes");
}

uint64_t cgroup_count_kills(const char *memory_dir, bool is_v2)
{
    return cgroup_read_keyed(memory_dir, is_v2 ? "memory.events" : "memory.oom_control", "oom_kill");
}

uint64_t cgroup_count_refusals(const char *memory_dir, bool is_v2)
{
    if (is_v2)
        return cgroup_read_keyed(memory_dir, "memory.events", "oom");
    return cgroup_read_number(memory_dir, "memory.failcnt") +
           cgroup_read_number(memory_dir, "memory.memsw.failcnt"); /* missing since Linux 6.13 */
}

/* ---- finding parent groups ---- */

static bool is_ours(const char *dir)
{
    CLEANUP(mem_freep) char *procs = dir ? mem_printf("%s/cgroup.procs", dir) : NULL;
    return dir && access(dir, W_OK) == 0 && access(procs, W_OK) == 0;
}

/* Strips the runner's own child group from the path. */
static void leave_own_leaf(char *dir)
{
    char *slash = strrchr(dir, '/');
    if (slash && strcmp(slash + 1, OWN_LEAF) == 0)
        *slash = '\0';
}

static bool has_v2_controllers(const char *dir)
{
    CLEANUP(mem_freep) char *list = cgroup_read(dir, "cgroup.subtree_control");
    return has_word(list, "memory") && has_word(list, "pids");
}

/* Takes ownership of `unified`. The kind stays CGROUP_NONE unless all that is needed is there. */
static void find_v2(struct cgroup_parents *parents, char *unified)
{
    CLEANUP(mem_freep) char *available = cgroup_read(unified, "cgroup.controllers");
    leave_own_leaf(unified);
    if (!is_ours(unified))
        parents->why =
            mem_printf("the group %s belongs to another user: with systemd, set Delegate=yes", unified);
    else if (has_v2_controllers(unified))
        parents->kind = CGROUP_V2;
    else if (has_word(available, "memory") && has_word(available, "pids"))
        parents->why = mem_printf("the group %s contains other processes: start the runner as a service with "
                                  "Delegate=yes",
                                  unified);
    else
        parents->why = mem_printf(
            "the group %s has no memory and pids controllers: with systemd, set Delegate=yes", unified);
    for (int i = 0; parents->kind == CGROUP_V2 && i < CGROUP_TREES; i++)
        parents->dirs[i] = mem_strdup(unified);
    free(unified);
}

void cgroup_find(struct cgroup_parents *ret_parents)
{
    struct cgroup_parents parents = {0};
    CLEANUP(mem_freep) char *cgroups = read_text("/proc/self/cgroup");
    CLEANUP(mem_freep) char *mounts = read_text("/proc/self/mountinfo");
    char *dirs[CGROUP_TREES];
    for (int i = 0; i < CGROUP_TREES; i++)
        dirs[i] = own_dir(cgroups, mounts, controllers[i]);
    if (!dirs[CGROUP_MEMORY] && dirs[CGROUP_UNIFIED]) {
        find_v2(&parents, TAKE_PTR(dirs[CGROUP_UNIFIED]));
    } else if (!dirs[CGROUP_MEMORY]) {
        parents.why = mem_strdup("no cgroup file system is mounted");
    } else if (!is_ours(dirs[CGROUP_MEMORY])) {
        parents.why = mem_strdup("with cgroup v1, only root can create groups: start the runner as root");
    } else {
        for (int i = 0; i < CGROUP_TREES; i++)
            parents.dirs[i] = is_ours(dirs[i]) ? TAKE_PTR(dirs[i]) : NULL;
        parents.kind = parents.dirs[CGROUP_UNIFIED] ? CGROUP_HYBRID : CGROUP_V1;
    }
    for (int i = 0; i < CGROUP_TREES; i++)
        free(dirs[i]);
    *ret_parents = parents;
}

void cgroup_parents_done(struct cgroup_parents *parents)
{
    for (int i = 0; i < CGROUP_TREES; i++)
        free(parents->dirs[i]);
    free(parents->why);
    *parents = (struct cgroup_parents){0};
}

const char *cgroup_kind_name(enum cgroup_kind kind)
{
    static const char *const names[] = {"none", "v1", "hybrid", "v2"};
    return names[kind];
}

int cgroup_make_room(struct err *err)
{
    CLEANUP(mem_freep) char *cgroups = read_text("/proc/self/cgroup");
    CLEANUP(mem_freep) char *mounts = read_text("/proc/self/mountinfo");
    CLEANUP(mem_freep) char *memory = own_dir(cgroups, mounts, "memory");
    CLEANUP(mem_freep) char *dir = own_dir(cgroups, mounts, "");
    if (memory || !dir)
        return 0;
    leave_own_leaf(dir);
    if (!is_ours(dir) || has_v2_controllers(dir))
        return 0;
    CLEANUP(mem_freep) char *available = cgroup_read(dir, "cgroup.controllers");
    CLEANUP(mem_freep) char *leaf = mem_printf("%s/" OWN_LEAF, dir);
    int r = fs_make_dirs(leaf, 0755, err);
    if (r < 0)
        return r;
    r = cgroup_write(leaf, "cgroup.procs", "0");
    if (r == 0) /* if one of these fails, cgroup_find() reports what is missing */
        cgroup_write(dir, "cgroup.subtree_control", "+memory +pids");
    if (r == 0 && has_word(available, "cpu"))
        cgroup_write(dir, "cgroup.subtree_control", "+cpu");
    return r < 0 ? err_errno(err, -r, "Cannot move into the control group %s", leaf) : 0;
}
