#include "runner/executor/slots.h"

#include "base/mem.h"

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
