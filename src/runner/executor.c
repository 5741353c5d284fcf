#include "runner/executor.h"

#include "runner/executor_local.h"
#include "runner/executor_slurm.h"

int executor_open(const struct executor_settings *settings, struct executor **ret_executor, struct err *err)
{
    static int (*const open[])(const struct executor_settings *, struct executor **, struct err *) = {
        [OPTIONS_EXECUTOR_LOCAL] = executor_local_open, [OPTIONS_EXECUTOR_SLURM] = executor_slurm_open};
    return open[settings->options->executor](settings, ret_executor, err);
}

void executor_free(struct executor *x)
{
    if (x)
        x->kind->free(x);
}
