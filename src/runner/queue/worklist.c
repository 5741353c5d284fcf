#include "runner/queue/worklist.h"

#include "base/mem.h"

#include <string.h>

void worklist_item_done(struct worklist_item *item)
{
    free(item->key);
    free(item->label);
}

void worklist_done(struct worklist *list)
{
    for (size_t i = 0; i < list->len; i++)
        worklist_item_done(&list->items[i]);
    free(list->items);
    *list = (struct worklist){0};
}

void worklist_add(struct worklist *list, enum slot_work work, const char *key, const char *label)
{
    list->items = mem_resize(list->items, list->len + 1, sizeof(*list->items));
    list->items[list->len++] =
        (struct worklist_item){.work = work, .key = mem_strdup(key), .label = mem_strdup(label)};
}

bool worklist_take(struct worklist *list, bool claims_too, struct worklist_item *ret_item)
{
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i].work == SLOT_RUN && !claims_too)
            continue;
        *ret_item = list->items[i];
        memmove(&list->items[i], &list->items[i + 1], (list->len - i - 1) * sizeof(*list->items));
        list->len--;
        return true;
    }
    return false;
}

size_t worklist_claims(const struct worklist *list)
{
    size_t claims = 0;
    for (size_t i = 0; i < list->len; i++)
        claims += list->items[i].work == SLOT_RUN;
    return claims;
}
