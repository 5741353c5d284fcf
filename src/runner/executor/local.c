#include "runner/executor/local.h"

#include "base/mem.h"

/* Jobs die with their runner. */
static bool goes_on(const struct executor *x, const char *key)
{
    return false;
}

static int start(struct executor *x, struct slot *slot, const struct slot_job *job, struct err *err)
{
    return slot_start(slot, job, err);
}

static void cancel(struct executor *x, struct slot *slot)
{
    slot_stop(slot);
}

static const char *obstacle(const struct executor *x)
{
    return NULL;
}

static void free_it(struct executor *x)
{
    free(x);
}

int executor_local_open(const struct executor_settings *settings, struct executor **ret_executor,
                        struct err *err)
{
    static const struct executor_kind kind = {
        .goes_on = goes_on, .start = start, .cancel = cancel, .obstacle = obstacle, .free = free_it};
    struct executor *x = mem_alloc(sizeof(*x));
    *x = (struct executor){&kind, *settings};
    *ret_executor = x;
    return 0;
}
