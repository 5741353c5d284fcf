#include "sandbox/advice.h"

#include "base/mem.h"

#include <string.h>

/* Ubuntu 24.04: namespaces can be made, but without any rights inside. */
#define RESTRICTED \
    "AppArmor restricts user namespaces: install its profile for ostest-job, which the package brings " \
    "(docs/operations.md), or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"

/* What is said when the sandbox does not work, and what helps. The first row that fits counts. */
static const struct {
    const char *words, *mend;
} mends[] = {
    {"Cannot start bwrap: No such file", "install bubblewrap: apt-get install bubblewrap"},
    {"Cannot start bwrap: Operation not permitted",
     "root has not all of its rights here, as in a container: start the runner as an ordinary user"},
    {"Cannot start bwrap: Invalid argument", "the users from 1900000000 on do not exist here, as in a "
                                             "container: start the runner as an ordinary user"},
    {"No permissions to create a new namespace",
     "unprivileged user namespaces are switched off: sysctl -w kernel.unprivileged_userns_clone=1 (Debian), "
     "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu 24.04), user.max_user_namespaces=10000"},
    {"setting up uid map", RESTRICTED},
    {"RTM_NEWADDR", RESTRICTED},
    {"ostest-init", "the installation is not complete"},
    {"control group", "start the runner as a service with Delegate=yes, or as root"},
};

const char *sandbox_advice(const char *message)
{
    for (size_t i = 0; i < ARRAY_LEN(mends); i++)
        if (strstr(message, mends[i].words))
            return mends[i].mend;
    return NULL;
}
