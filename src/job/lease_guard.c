#include "job/lease_guard.h"

#include "base/failpoint.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "model/lease.h"
#include "model/state_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int lease_guard_begin(const char *dir, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/" LEASE_BEGUN, dir);
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_INTERNAL, EEXIST, "Another copy of the job has already begun this attempt");
    if (fd < 0)
        return err_errno(err, errno, "Cannot create %s", path);
    failpoint("cluster-begun");
    return fs_sync_dir(dir, err);
}

static int sum_result(const char *dir, struct lease_end *end, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_RESULT, dir);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return 0;
    int r = fd < 0 ? -errno : hash_fd(fd, &end->sum, &end->size);
    if (r < 0)
        return err_errno(err, -r, "Cannot read %s", path);
    end->has_result = true;
    return 0;
}

int lease_guard_end(const char *dir, const char *lease, enum job_exit status, struct err *err)
{
    struct lease_end end = {.status = status};
    char host[LEASE_HOST_SIZE] = "";
    gethostname(host, sizeof(host) - 1);
    lease_set_host(&end, host);
    snprintf(end.lease, sizeof(end.lease), "%s", lease);
    int r = sum_result(dir, &end, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *path = mem_printf("%s/" LEASE_END, dir);
    CLEANUP(mem_freep) char *text = lease_format(&end);
    failpoint("cluster-ending");
    return fs_write_atomic(path, text, strlen(text), err);
}
