#pragma once

/*
 * Files. What must survive a power cut is written as temporary file, fsync, rename, fsync of the
 * directory; after such a call has returned 0, the file is there in full, whatever happens.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Writes the file durably and in one step, mode 0600. */
int fs_write_atomic(const char *path, const void *data, size_t len, struct err *err);

/* The same without a flush: a power cut may leave it empty. Removed where it cannot be written in full. */
int fs_write_plain(const char *path, const void *data, size_t len, struct err *err);

/* Renames and makes the new name durable (fsync of the target's directory). */
int fs_rename_durable(const char *from, const char *to, struct err *err);

/* As fs_rename_durable(), of a tree that others have written: all of its file system is flushed first. */
int fs_rename_tree_durable(const char *from, const char *to, struct err *err);

/* fsync of a directory. */
int fs_sync_dir(const char *path, struct err *err);

/* Reads a regular file whole. -ENOENT is not turned into a message; -EFBIG past `limit` bytes. */
int fs_read_file(const char *path, size_t limit, struct buf *ret_data, struct err *err);

/* mkdir -p; directories that are there are left as they are. */
int fs_make_dirs(const char *path, mode_t mode, struct err *err);

/*
 * Removes a tree without ever following a symbolic link, whatever the permissions inside.
 * A path that is not there is fine.
 */
int fs_remove_tree(const char *path, struct err *err);

/* The names in a directory, sorted, without "." and "..". -ENOENT where it does not exist. */
int fs_list_dir(const char *path, struct strv *ret_names, struct err *err);

/*
 * Takes an exclusive flock(2) on `path`, made when missing; -EWOULDBLOCK where somebody else holds
 * it. The lock goes with the process; its file goes with fs_unlock().
 */
int fs_lock(const char *path, int *ret_fd, struct err *err);

/* Waits for the lock; -ECANCELED (class cancelled) when `cancel_fd` becomes readable first. */
int fs_lock_wait(const char *path, int cancel_fd, int *ret_fd, struct err *err);

/* As fs_lock_wait(), but shared with others who share it; given back by closing it, and the file stays. */
int fs_lock_shared(const char *path, int cancel_fd, int *ret_fd, struct err *err);

/* Removes the file and gives the lock back; a descriptor of -1 is allowed. */
void fs_unlock(const char *path, int fd);

/* What a user may still write on the file system of `path`. Where that does not count files, they are
 * UINT64_MAX. */
struct fs_room {
    uint64_t bytes, files;
};
int fs_free_space(const char *path, struct fs_room *ret_room, struct err *err);

/* Whether that is what a full disk still has, when small things are removed again. */
static inline bool fs_is_full(const struct fs_room *room)
{
    return room->bytes < 1U << 20 || room->files < 16;
}

/* With less room for files than this, a task should not be begun: repository, suite and environment have
 * some. */
#define FS_FEW_FILES 1000

bool fs_exists(const char *path);

/* Whether there is anything of this name, also a link that leads nowhere. */
bool fs_is_there(const char *path);

/* Whether it is this kind of file itself, not through a symbolic link. */
bool fs_is_dir(const char *path);
bool fs_is_regular(const char *path);

/* Whether it is a directory, also through links. */
bool fs_leads_to_dir(const char *path);

/* Returns the path as seen from the directory: an absolute one is returned as it is. The caller frees. */
char *fs_path_from(const char *dir, const char *path);

/* The directory of the running program (from /proc/self/exe). The caller frees. */
char *fs_program_dir(void);
