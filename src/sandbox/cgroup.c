#include "sandbox/cgroup.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPU_PERIOD_US     100000
#define REMOVE_TIMEOUT_MS 10000
#define MAIN_LEAF         "main"

/*
 * v1 limits memory and swap together. This limit is one page higher (the largest page of any
 * machine), so that the limit without swap, which all kernels count, is reached first.
 */
#define SWAP_BYTES 65536

/* bwrap and ostest-init, which count against the limit of processes. */
#define OWN_PROCESSES 2

static bool is_first_of_its_dir(const struct cgroup *g, int tree)
{
    for (int i = 0; g->dirs[tree] && i < tree; i++)
        if (g->dirs[i] && strcmp(g->dirs[i], g->dirs[tree]) == 0)
            return false;
    return g->dirs[tree] != NULL;
}

/* ---- creating ---- */

static int write_number(const char *dir, const char *file, uint64_t number, struct err *err)
{
    CLEANUP(mem_freep) char *text = mem_printf("%" PRIu64, number);
    int r = cgroup_write(dir, file, text);
    return r < 0 ? err_errno(err, -r, "Cannot set %s of the control group %s", file, dir) : 0;
}

static int set_cpus(const struct cgroup *g, double cpus, struct err *err)
{
    if (!g->dirs[CGROUP_CPU])
        return 0;
    uint64_t quota = (uint64_t)(cpus * CPU_PERIOD_US);
    if (g->kind != CGROUP_V2)
        return write_number(g->dirs[CGROUP_CPU], "cpu.cfs_quota_us", quota, err);
    CLEANUP(mem_freep) char *text = mem_printf("%" PRIu64 " %d", quota, CPU_PERIOD_US);
    int r = cgroup_write(g->dirs[CGROUP_CPU], "cpu.max", text);
    return r < 0 && r != -ENOENT ? err_errno(err, -r, "Cannot set cpu.max of %s", g->dirs[CGROUP_CPU]) : 0;
}

/*
 * v1 counts TCP buffers apart from other memory, and only if they are limited. They come out of a
 * pool of the whole machine (net.ipv4.tcp_mem); when it is exhausted, all connections of the host
 * slow down.
 */
#define TCP_BYTES (UINT64_C(64) << 20)

static int set_limits(const struct cgroup *g, const struct cgroup_limits *limits, struct err *err)
{
    bool v2 = g->kind == CGROUP_V2;
    const char *memory = g->dirs[CGROUP_MEMORY];
    int r = write_number(memory, v2 ? "memory.max" : "memory.limit_in_bytes", limits->memory_bytes, err);
    if (r == 0 && v2) /* without swap accounting, the kernel has no files for swap */
        write_number(memory, "memory.swap.max", 0, NULL);
    else if (r == 0)
        write_number(memory, "memory.memsw.limit_in_bytes", limits->memory_bytes + SWAP_BYTES, NULL);
    if (r == 0 && !v2)
        write_number(memory, "memory.kmem.tcp.limit_in_bytes", MIN(limits->memory_bytes, TCP_BYTES), NULL);
    if (r == 0 && g->dirs[CGROUP_PIDS])
        r = write_number(g->dirs[CGROUP_PIDS], "pids.max", (uint64_t)limits->pids + OWN_PROCESSES, err);
    return r < 0 ? r : set_cpus(g, limits->cpus, err);
}

static int make_dirs(const struct cgroup *g, struct err *err)
{
    for (int i = 0; i < CGROUP_TREES; i++)
        if (is_first_of_its_dir(g, i) && mkdir(g->dirs[i], 0755) < 0)
            return err_errno(err, errno, "Cannot create the control group %s", g->dirs[i]);
    return 0;
}

/* Prepares for reading the peak of a single test. */
static int prepare_measuring(struct cgroup *g, struct err *err)
{
    if (g->kind != CGROUP_V2)
        return 0;
    CLEANUP(mem_freep) char *path = mem_printf("%s/memory.peak", g->dirs[CGROUP_MEMORY]);
    CLEANUP(mem_freep) char *leaf = mem_printf("%s/" MAIN_LEAF, g->dirs[CGROUP_MEMORY]);
    g->peak_fd = open(path, O_RDWR | O_CLOEXEC);
    if (g->peak_fd >= 0 && write(g->peak_fd, "0\n", 2) == 2)
        return 0;
    g->peak_fd = fd_close(g->peak_fd);
    g->has_leaves = true;
    int r = cgroup_write(g->dirs[CGROUP_MEMORY], "cgroup.subtree_control", "+memory");
    if (r < 0 || mkdir(leaf, 0755) < 0)
        return err_errno(err, r < 0 ? -r : errno, "Cannot create the control group %s", leaf);
    return 0;
}

static void set_dirs(struct cgroup *g, const struct cgroup_parents *parents, const char *name)
{
    for (int i = 0; i < CGROUP_TREES; i++)
        g->dirs[i] = parents->dirs[i] ? mem_printf("%s/%s", parents->dirs[i], name) : NULL;
}

int cgroup_remove(const struct cgroup_parents *parents, const char *name, struct err *err)
{
    struct cgroup old = {.kind = parents->kind, .peak_fd = -1};
    set_dirs(&old, parents, name);
    return cgroup_destroy(&old, err);
}

int cgroup_create(const struct cgroup_parents *parents, const char *name, const struct cgroup_limits *limits,
                  struct cgroup *ret_group, struct err *err)
{
    struct cgroup g = {.kind = parents->kind, .peak_fd = -1};
    set_dirs(&g, parents, name);
    if (g.kind == CGROUP_NONE) {
        *ret_group = g;
        return 0;
    }
    int r = cgroup_remove(parents, name, err);
    if (r == 0)
        r = make_dirs(&g, err);
    if (r == 0)
        r = set_limits(&g, limits, err);
    if (r == 0)
        r = prepare_measuring(&g, err);
    if (r < 0)
        cgroup_destroy(&g, NULL);
    else
        *ret_group = g;
    return r;
}

static int open_in(const char *dir, const char *name, int flags, int *ret_fd, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s%s", dir, name);
    *ret_fd = open(path, flags | O_CLOEXEC);
    return *ret_fd < 0 ? err_errno(err, errno, "Cannot open %s", path) : 0;
}

int cgroup_open_fds(const struct cgroup *group, struct cgroup_fds *ret_fds, struct err *err)
{
    struct cgroup_fds fds = {.dir_fd = -1, .procs_fd = -1};
    const char *unified = group->dirs[CGROUP_UNIFIED];
    int r = 0;
    for (int i = 0; i < CGROUP_TREES; i++) {
        bool is_v1 = group->kind != CGROUP_V2 && i != CGROUP_UNIFIED && group->dirs[i];
        fds.tasks_fds[i] = -1;
        if (r == 0 && is_v1)
            r = open_in(group->dirs[i], "/tasks", O_WRONLY, &fds.tasks_fds[i], err);
    }
    if (r == 0 && unified)
        r = open_in(unified, group->has_leaves ? "/" MAIN_LEAF : "", O_PATH | O_DIRECTORY, &fds.dir_fd, err);
    if (r == 0 && unified)
        r = open_in(unified, group->has_leaves ? "/" MAIN_LEAF "/cgroup.procs" : "/cgroup.procs", O_WRONLY,
                    &fds.procs_fd, err);
    if (r < 0)
        cgroup_close_fds(&fds);
    else
        *ret_fds = fds;
    return r;
}

void cgroup_close_fds(struct cgroup_fds *fds)
{
    for (int i = 0; i < CGROUP_TREES; i++)
        fd_close(fds->tasks_fds[i]);
    fd_close(fds->dir_fd);
    fd_close(fds->procs_fd);
}

/* ---- measuring ---- */

static int64_t cpu_time_us(const struct cgroup *g)
{
    if (g->dirs[CGROUP_UNIFIED])
        return (int64_t)cgroup_read_keyed(g->dirs[CGROUP_UNIFIED], "cpu.stat", "usage_usec");
    if (g->dirs[CGROUP_CPUACCT])
        return (int64_t)(cgroup_read_number(g->dirs[CGROUP_CPUACCT], "cpuacct.usage") / 1000);
    return -1;
}

/* Moves the process into a new child group, which holds no memory yet. */
static void begin_leaf(struct cgroup *g, pid_t pid)
{
    CLEANUP(mem_freep) char *old = mem_printf("%s/test-%u", g->dirs[CGROUP_MEMORY], g->leaf);
    CLEANUP(mem_freep) char *leaf = mem_printf("%s/test-%u", g->dirs[CGROUP_MEMORY], ++g->leaf);
    CLEANUP(mem_freep) char *number = mem_printf("%d", (int)pid);
    if (mkdir(leaf, 0755) == 0)
        cgroup_write(leaf, "cgroup.procs", number);
    rmdir(old); /* fails if a process of that test is still alive; removed with the whole group */
}

void cgroup_test_begin(struct cgroup *g, pid_t pid)
{
    if (g->kind == CGROUP_NONE)
        return;
    const char *memory = g->dirs[CGROUP_MEMORY];
    if (g->has_leaves) {
        begin_leaf(g, pid);
    } else if (g->kind == CGROUP_V2) {
        g->held = cgroup_read_memory(memory, true);
        if (pwrite(g->peak_fd, "0\n", 2, 0) < 0)
            g->held = UINT64_MAX;
    } else {
        g->held = cgroup_read_memory(memory, false);
        if (cgroup_write(memory, "memory.max_usage_in_bytes", "0") < 0)
            g->held = UINT64_MAX;
    }
    g->start_us = cpu_time_us(g);
}

static uint64_t read_peak(const struct cgroup *g)
{
    char text[32] = "";
    if (g->has_leaves) {
        CLEANUP(mem_freep) char *leaf = mem_printf("%s/test-%u", g->dirs[CGROUP_MEMORY], g->leaf);
        return cgroup_read_number(leaf, "memory.peak");
    }
    if (g->kind != CGROUP_V2)
        return cgroup_read_number(g->dirs[CGROUP_MEMORY], "memory.max_usage_in_bytes");
    return pread(g->peak_fd, text, sizeof(text) - 1, 0) > 0 ? strtoull(text, NULL, 10) : 0;
}

void cgroup_test_end(struct cgroup *g, struct cgroup_usage *ret_usage)
{
    *ret_usage = (struct cgroup_usage){.cpu_us = -1};
    if (g->kind == CGROUP_NONE)
        return;
    uint64_t peak = read_peak(g);
    int64_t now_us = cpu_time_us(g);
    ret_usage->memory_bytes = peak > g->held ? peak - g->held : 0;
    if (now_us >= 0)
        ret_usage->cpu_us = now_us - g->start_us;
}

uint64_t cgroup_memory_now(const struct cgroup *g)
{
    if (g->kind == CGROUP_NONE)
        return 0;
    return cgroup_read_memory(g->dirs[CGROUP_MEMORY], g->kind == CGROUP_V2);
}

void cgroup_read_hits(const struct cgroup *g, struct cgroup_hits *ret_hits)
{
    *ret_hits = (struct cgroup_hits){0};
    if (g->kind == CGROUP_NONE)
        return;
    const char *memory = g->dirs[CGROUP_MEMORY];
    bool is_v2 = g->kind == CGROUP_V2;
    ret_hits->memory = cgroup_count_kills(memory, is_v2);
    ret_hits->was_full = cgroup_count_refusals(memory, is_v2) != 0;
    if (g->dirs[CGROUP_PIDS])
        ret_hits->pids = cgroup_read_keyed(g->dirs[CGROUP_PIDS], "pids.events", "max");
}

/* ---- removing ---- */

static void kill_members(const char *dir)
{
    if (cgroup_write(dir, "cgroup.kill", "1") == 0)
        return;
    CLEANUP(mem_freep) char *members = cgroup_read(dir, "cgroup.procs");
    for (char *p = members; *p;) {
        long pid = strtol(p, &p, 10);
        if (pid > 1)
            kill((pid_t)pid, SIGKILL);
        p += strspn(p, "\n");
    }
}

/* Removes the group, child groups first. Returns 0, also if it does not exist, or -errno. */
static int remove_group(const char *dir)
{
    CLEANUP(strv_done) struct strv names = {0};
    if (rmdir(dir) == 0 || errno == ENOENT)
        return 0;
    kill_members(dir);
    if (fs_list_dir(dir, &names, NULL) < 0)
        return 0;
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, names.items[i]);
        if (fs_is_dir(path))
            remove_group(path);
    }
    return rmdir(dir) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Waits for killed processes to disappear. */
static int remove_and_wait(const char *dir, struct err *err)
{
    int64_t deadline = clock_now_ms() + REMOVE_TIMEOUT_MS;
    int r = remove_group(dir);
    while (r == -EBUSY && clock_now_ms() < deadline) {
        poll(NULL, 0, 1);
        r = remove_group(dir);
    }
    return r < 0 ? err_errno(err, -r, "Cannot remove the control group %s", dir) : 0;
}

int cgroup_destroy(struct cgroup *g, struct err *err)
{
    int r = 0;
    fd_close(g->peak_fd);
    for (int i = CGROUP_TREES - 1; i >= 0; i--) {
        int removed = is_first_of_its_dir(g, i) ? remove_and_wait(g->dirs[i], err) : 0;
        r = r < 0 ? r : removed;
    }
    for (int i = 0; i < CGROUP_TREES; i++)
        free(g->dirs[i]);
    *g = (struct cgroup){.peak_fd = -1};
    return r;
}
