#include "runner/status/report_file.h"

#include "base/fd.h"
#include "base/fs.h"
#include "model/state_files.h"
#include "model/task.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Output of tests is always served as plain text. */
static const struct report_file files[] = {
    {STATE_PAGE, "text/html; charset=utf-8"},
    {STATE_JOB_LOG, "text/plain; charset=utf-8"},
    {STATE_STDOUT, "text/plain; charset=utf-8"},
    {STATE_STDERR, "text/plain; charset=utf-8"},
};

/* The characters of a key; a path made of them cannot leave kept/. */
static bool is_key(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return task_is_key(text) && strspn(text, letters) == strlen(text);
}

const struct report_file *report_file_find(const char *path, char **ret_key)
{
    const char *slash = strchr(path, '/');
    CLEANUP(mem_freep) char *key = mem_strndup(path, slash ? (size_t)(slash - path) : 0);
    if (!slash || !is_key(key))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (strcmp(slash + 1, files[i].name) != 0)
            continue;
        *ret_key = TAKE_PTR(key);
        return &files[i];
    }
    return NULL;
}

static int open_in(int kept_fd, const char *dir, const char *name)
{
    CLEANUP(fd_closep) int dir_fd = openat(kept_fd, dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int report_file_open(const char *state_dir, const char *key, const struct report_file *file, int *ret_fd,
                     uint64_t *ret_size)
{
    CLEANUP(mem_freep) char *kept = mem_printf("%s/" STATE_KEPT, state_dir);
    CLEANUP(mem_freep) char *fault = mem_printf("%s.fault", key);
    CLEANUP(fd_closep) int kept_fd = open(kept, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_closep) int fd = open_in(kept_fd, key, file->name);
    if (fd < 0)
        fd = open_in(kept_fd, fault, file->name);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -ENOENT;
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    fd = -1;
    return 0;
}

void report_file_list(const char *dir, struct strv *ret_names)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, files[i].name);
        if (fs_is_regular(path))
            strv_push(ret_names, files[i].name);
    }
}
