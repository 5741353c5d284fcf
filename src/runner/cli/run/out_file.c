#include "runner/cli/run/out_file.h"

#include "base/fd.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *out_file_check(const char *path)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(mem_freep) char *dir = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
    if (!fs_leads_to_dir(dir))
        return "its directory does not exist";
    if (fs_leads_to_dir(path))
        return "it is a directory";
    if (!fs_is_there(path) && access(dir, W_OK) < 0)
        return "its directory cannot be written to";
    return NULL;
}

int out_file_write(const char *path, const void *data, size_t len, struct err *err)
{
    if (!fs_is_there(path) || fs_is_regular(path))
        return fs_write_atomic(path, data, len, err);
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, data, len);
    return r < 0 ? err_errno(err, -r, "Cannot write %s", path) : 0;
}
