#include "model/test_index.h"

#include "base/mem.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define NONE ((size_t)-1)

struct name {
    unsigned session;
    const char *id;
    size_t first, last; /* open tests, linked by test_index.next */
    size_t ended;
};

static int compare(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    return x->session != y->session ? (x->session > y->session) - (x->session < y->session)
                                    : strcmp(x->id, y->id);
}

static struct name *find(const struct test_index *index, unsigned session, const char *id)
{
    struct name key = {.session = session, .id = id};
    struct name **found = tfind(&key, &index->names, compare);
    return found ? *found : NULL;
}

static struct name *add_name(struct test_index *index, unsigned session, const char *id)
{
    struct name *name = mem_alloc(sizeof(*name));
    *name = (struct name){.session = session, .id = id, .first = NONE, .last = NONE, .ended = NONE};
    if (!tsearch(name, &index->names, compare))
        mem_exhausted();
    return name;
}

static void append(struct test_index *index, struct name *name, size_t test)
{
    index->next[test] = NONE;
    if (name->first == NONE)
        name->first = test;
    else
        index->next[name->last] = test;
    name->last = test;
}

void test_index_done(struct test_index *index)
{
    tdestroy(index->names, free);
    free(index->next);
    *index = (struct test_index){0};
}

void test_index_add(struct test_index *index, unsigned session, const char *id, size_t test)
{
    struct name *name = find(index, session, id);
    if (test >= index->cap) {
        index->cap = MAX(test + 1, 2 * index->cap);
        index->next = mem_resize(index->next, index->cap, sizeof(*index->next));
    }
    append(index, name ? name : add_name(index, session, id), test);
}

ssize_t test_index_open(const struct test_index *index, unsigned session, const char *id)
{
    const struct name *name = find(index, session, id);
    return name && name->first != NONE ? (ssize_t)name->first : -1;
}

void test_index_end(struct test_index *index, unsigned session, const char *id)
{
    struct name *name = find(index, session, id);
    name->ended = name->first;
    name->first = index->next[name->ended];
}

ssize_t test_index_reopen(struct test_index *index, unsigned session, const char *id)
{
    struct name *name = find(index, session, id);
    if (!name || name->ended == NONE)
        return -1;
    size_t test = name->ended;
    name->ended = NONE;
    append(index, name, test);
    return (ssize_t)test;
}
