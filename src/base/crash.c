#include "base/crash.h"

#ifdef CRASH_POINTS

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void crash_point(const char *name)
{
    const char *wanted = getenv("OSTEST_CRASH_POINT");
    const char *token = getenv("OSTEST_CRASH_TOKEN");
    if (wanted && token && strcmp(wanted, name) == 0 && unlink(token) == 0)
        kill(getpid(), SIGKILL);
}

#endif
