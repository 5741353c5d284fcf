#include "base/opt/opt_live.h"

#include <string.h>

static size_t size_of(enum opt_kind kind)
{
    switch (kind) {
    case OPT_FLAG:
        return sizeof(bool);
    case OPT_STRING:
    case OPT_SECRET:
        return sizeof(char *);
    case OPT_INTEGER:
    case OPT_SECONDS:
        return sizeof(int64_t);
    case OPT_NUMBER:
        return sizeof(double);
    case OPT_BYTES:
        return sizeof(uint64_t);
    case OPT_LIST:
        return sizeof(struct strv);
    case OPT_CHOICE:
        return sizeof(int);
    case OPT_HELP:
        break;
    }
    return 0;
}

static void swap(void *a, void *b, size_t size)
{
    char old[sizeof(struct strv)];
    memcpy(old, a, size);
    memcpy(a, b, size);
    memcpy(b, old, size);
}

void opt_take_live(struct opt_set *set, void *config, struct opt_set *fresh, void *fresh_config,
                   struct strv *ret_taken, struct strv *ret_left)
{
    for (size_t i = 0; i < set->len; i++) {
        if (set->sources[i] > OPT_FROM_FILE)
            continue; /* unchanged; secrets in it are blanked by now */
        const struct opt *o = &set->table[i];
        const char *was = set->texts[i], *is = fresh->texts[i];
        bool is_same = was == is || (was && is && strcmp(was, is) == 0);
        if (is_same || o->kind == OPT_SECRET || o->kind == OPT_HELP)
            continue;
        strv_push(o->is_live ? ret_taken : ret_left, o->name);
        if (!o->is_live)
            continue;
        swap((char *)config + o->offset, (char *)fresh_config + o->offset, size_of(o->kind));
        swap(&set->texts[i], &fresh->texts[i], sizeof(char *));
        swap(&set->sources[i], &fresh->sources[i], sizeof(*set->sources));
        swap(&set->lines[i], &fresh->lines[i], sizeof(*set->lines));
    }
}
