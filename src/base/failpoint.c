#include "base/failpoint.h"

#ifdef FAILPOINTS

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void failpoint(const char *name)
{
    const char *wanted = getenv("OSTEST_FAILPOINT");
    const char *token = getenv("OSTEST_FAILPOINT_TOKEN");
    if (wanted && token && strcmp(wanted, name) == 0 && unlink(token) == 0)
        kill(getpid(), SIGKILL);
}

#endif
