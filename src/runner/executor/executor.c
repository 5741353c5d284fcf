#include "runner/executor/executor.h"

void executor_free(struct executor *x)
{
    if (x)
        x->kind->free(x);
}
