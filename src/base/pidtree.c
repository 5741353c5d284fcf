#include "base/pidtree.h"

#include "base/fs.h"
#include "base/mem.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* At most this many processes are listed at once; the next round lists the rest. */
#define MAX_PROCESSES 65536
#define STOP_ROUNDS   64

struct pids {
    pid_t *items;
    size_t len;
};

static void pids_done(struct pids *p)
{
    free(p->items);
}

static void pids_add(struct pids *p, pid_t pid)
{
    if (p->len >= MAX_PROCESSES)
        return;
    if ((p->len & (p->len + 1)) == 0) /* grow to the next power of two */
        p->items = mem_resize(p->items, 2 * (p->len + 1), sizeof(pid_t));
    p->items[p->len++] = pid;
}

static void add_children_of_thread(struct pids *p, pid_t pid, const char *tid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, tid);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    int child;
    while (fscanf(f, "%d", &child) == 1)
        pids_add(p, child);
    fclose(f);
}

static void add_children(struct pids *p, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    CLEANUP(strv_done) struct strv threads = {0};
    if (fs_list_dir(path, &threads, NULL) < 0)
        return;
    for (size_t i = 0; i < threads.len; i++)
        add_children_of_thread(p, pid, threads.items[i]);
}

/* Lists all descendants of `root`, parents before their children. */
static void list_below(pid_t root, struct pids *p)
{
    add_children(p, root);
    for (size_t i = 0; i < p->len; i++)
        add_children(p, p->items[i]);
}

static char process_state(pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 'X';
    size_t n = fread(line, 1, sizeof(line) - 1, f);
    fclose(f);
    line[n] = '\0';
    const char *name_end = strrchr(line, ')');
    return name_end && name_end[1] == ' ' ? name_end[2] : 'X';
}

static bool is_alive(pid_t pid)
{
    return !strchr("XZ", process_state(pid));
}

void pidtree_signal(pid_t root, int signo)
{
    CLEANUP(pids_done) struct pids below = {0};
    list_below(root, &below);
    kill(root, signo);
    for (size_t i = 0; i < below.len; i++)
        kill(below.items[i], signo);
}

unsigned pidtree_kill(pid_t root)
{
    CLEANUP(pids_done) struct pids below = {0};
    size_t before;
    int round = 0;
    do {
        before = below.len;
        below.len = 0;
        list_below(root, &below);
        for (size_t i = 0; i < below.len; i++)
            kill(below.items[i], SIGSTOP);
    } while (below.len > before && ++round < STOP_ROUNDS);

    unsigned alive = 0;
    for (size_t i = 0; i < below.len; i++) {
        alive += is_alive(below.items[i]);
        kill(below.items[i], SIGKILL);
    }
    return alive;
}

size_t pidtree_children(pid_t root, pid_t **ret_pids)
{
    struct pids children = {0};
    add_children(&children, root);
    *ret_pids = children.items;
    return children.len;
}

static uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    unsigned long total, resident = 0;
    if (fscanf(f, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void list_all(pid_t root, struct pids *p)
{
    pids_add(p, root);
    for (size_t i = 0; i < p->len; i++)
        add_children(p, p->items[i]);
}

void pidtree_usage(pid_t root, uint64_t *ret_rss_bytes, unsigned *ret_processes)
{
    CLEANUP(pids_done) struct pids all = {0};
    list_all(root, &all);
    *ret_processes = (unsigned)all.len;
    *ret_rss_bytes = 0;
    for (size_t i = 0; i < all.len; i++)
        *ret_rss_bytes += resident_bytes(all.items[i]);
}

/*
 * Returns the process's share of each page, or the whole resident memory if the kernel does not
 * report it.
 */
static uint64_t proportional_bytes(pid_t pid)
{
    char path[64], line[256];
    unsigned long kib;
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof(line), f))
        found = sscanf(line, "Pss: %lu kB", &kib) == 1;
    if (f)
        fclose(f);
    return found ? (uint64_t)kib << 10 : resident_bytes(pid);
}

uint64_t pidtree_exact_bytes(pid_t root)
{
    CLEANUP(pids_done) struct pids all = {0};
    uint64_t sum = 0;
    list_all(root, &all);
    for (size_t i = 0; i < all.len; i++)
        sum += proportional_bytes(all.items[i]);
    return sum;
}
