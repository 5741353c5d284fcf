#include "job/git/lfs.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* docs/spec.md of git-lfs: a pointer begins with its version and is smaller than 1024 bytes. */
#define POINTER_START     "version https://git-lfs.github.com/spec/"
#define POINTER_MIN_BYTES (sizeof(POINTER_START) + sizeof("oid sha256:") + 64)
#define POINTER_MAX_BYTES 1023

static bool is_pointer(const FTSENT *e)
{
    char start[sizeof(POINTER_START) - 1];
    if (e->fts_info != FTS_F || e->fts_statp->st_size < (off_t)POINTER_MIN_BYTES ||
        e->fts_statp->st_size > POINTER_MAX_BYTES)
        return false;
    CLEANUP(fd_closep) int fd = open(e->fts_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && read(fd, start, sizeof(start)) == (ssize_t)sizeof(start) &&
           memcmp(start, POINTER_START, sizeof(start)) == 0;
}

char *lfs_tell(const char *tree)
{
    char *const roots[] = {(char *)tree, NULL};
    CLEANUP(mem_freep) char *example = NULL;
    unsigned count = 0;
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *e; walk && (e = fts_read(walk));)
        if (is_pointer(e) && count++ == 0)
            example = mem_strdup(e->fts_path + strlen(tree) + 1);
    if (walk)
        fts_close(walk);
    return count ? mem_printf("Files stored with git LFS are not fetched; the tests see their pointers: %s%s",
                              example, count > 1 ? " and others" : "")
                 : NULL;
}
