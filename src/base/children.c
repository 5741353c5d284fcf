#include "base/children.h"

#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <sys/wait.h>

struct child {
    pid_t pid;
    children_exit_fn *on_exit;
    void *data;
};

struct children {
    struct child *items;
    size_t len;
};

struct children *children_new(void)
{
    return mem_alloc(sizeof(struct children));
}

void children_free(struct children *children)
{
    if (!children)
        return;
    free(children->items);
    free(children);
}

void children_add(struct children *children, pid_t pid, children_exit_fn *on_exit, void *data)
{
    children->items = mem_resize(children->items, children->len + 1, sizeof(*children->items));
    children->items[children->len++] = (struct child){.pid = pid, .on_exit = on_exit, .data = data};
}

/* Returns false if the pid is not listed. */
static bool take(struct children *children, pid_t pid, struct child *ret_child)
{
    for (size_t i = 0; i < children->len; i++) {
        if (children->items[i].pid != pid)
            continue;
        *ret_child = children->items[i];
        children->items[i] = children->items[--children->len];
        return true;
    }
    return false;
}

void children_remove(struct children *children, pid_t pid)
{
    struct child child;
    take(children, pid, &child);
}

void children_reap(struct children *children)
{
    struct child child;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (take(children, pid, &child))
            child.on_exit(status, child.data);
}

int children_kill_others(const struct children *children, int64_t timeout_ms, struct err *err)
{
    CLEANUP(mem_freep) pid_t *keep = mem_alloc((children->len + 1) * sizeof(*keep));
    for (size_t i = 0; i < children->len; i++)
        keep[i] = children->items[i].pid;
    return proc_kill_descendants(keep, children->len, timeout_ms, err);
}

bool children_are_lost(const struct children *children)
{
    for (size_t i = 0; i < children->len; i++) {
        siginfo_t info;
        int r = waitid(P_PID, (id_t)children->items[i].pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if (r < 0 && errno == ECHILD)
            return true;
    }
    return false;
}
