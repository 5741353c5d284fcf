#include "runner/slots.h"

#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <sys/wait.h>

#define ORPHANS_TIMEOUT_MS 2000

void slots_init(struct slots *ret_slots, const struct slot_settings *settings, size_t len)
{
    *ret_slots = (struct slots){.items = mem_alloc(len * sizeof(struct slot)), .len = len};
    for (size_t i = 0; i < len; i++)
        slot_init(&ret_slots->items[i], settings, i);
}

void slots_done(struct slots *slots)
{
    for (size_t i = 0; i < slots->len; i++)
        if (slots->items[i].work != SLOT_FREE)
            slot_release(&slots->items[i]);
    free(slots->items);
    *slots = (struct slots){0};
}

struct slot *slots_find_free(const struct slots *slots)
{
    for (size_t i = 0; i < slots->len; i++)
        if (slots->items[i].work == SLOT_FREE)
            return &slots->items[i];
    return NULL;
}

size_t slots_count(const struct slots *slots, enum slot_work work)
{
    size_t n = 0;
    for (size_t i = 0; i < slots->len; i++)
        n += slots->items[i].work == work;
    return n;
}

struct slot *slots_find(const struct slots *slots, pid_t pid)
{
    for (size_t i = 0; i < slots->len; i++)
        if (slots->items[i].work != SLOT_FREE && slots->items[i].pid == pid)
            return &slots->items[i];
    return NULL;
}

int slots_end_orphans(const struct slots *slots, const pid_t *others, size_t len, struct err *err)
{
    CLEANUP(mem_freep) pid_t *alive = mem_alloc((slots->len + len) * sizeof(*alive));
    size_t n = 0;
    for (size_t i = 0; i < slots->len; i++)
        if (slots->items[i].work != SLOT_FREE && slots->items[i].pid > 0)
            alive[n++] = slots->items[i].pid;
    for (size_t i = 0; i < len; i++)
        if (others[i])
            alive[n++] = others[i];
    return proc_kill_descendants(alive, n, ORPHANS_TIMEOUT_MS, err);
}

bool slots_are_lost(const struct slots *slots)
{
    siginfo_t info;
    bool has_process = false;
    for (size_t i = 0; i < slots->len; i++)
        has_process = has_process || (slots->items[i].work != SLOT_FREE && slots->items[i].pid > 0);
    return has_process && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}
