#include "base/pid_status.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Returns the last number of a line: NSpid has one for each namespace, from the outside in. */
static pid_t last_number(const char *text, const char *key)
{
    const char *line = strstr(text, key); /* newlines in process names are escaped */
    const char *end = line ? line + 1 + strcspn(line + 1, "\n") : NULL;
    while (end && end[-1] >= '0' && end[-1] <= '9')
        end--;
    return end ? (pid_t)strtol(end, NULL, 10) : 0;
}

int pid_status_read(pid_t pid, struct pid_status *ret_status)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (len <= 0)
        return len == 0 || errno == ENOENT ? -ESRCH : -errno;
    text[len] = '\0';
    *ret_status = (struct pid_status){.tgid = last_number(text, "\nTgid:"),
                                      .ppid = last_number(text, "\nPPid:"),
                                      .inner_pid = last_number(text, "\nNSpid:")};
    return 0;
}
