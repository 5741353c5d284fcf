#pragma once

/*
 * Files. What must survive a power cut is written to a temporary file, which is flushed and
 * renamed, and then its directory is flushed. After such a call has returned 0, the file is
 * complete, whatever happens.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Replaces the file atomically and durably, with mode 0600. */
int fs_write_atomic(const char *path, const void *data, size_t len, struct err *err);

/*
 * Like fs_write_atomic(), without a flush: after a power cut the file may be empty. A file that
 * cannot be written in full is removed.
 */
int fs_write_plain(const char *path, const void *data, size_t len, struct err *err);

/* Renames the file and makes the new name durable (fsync of the target's directory). */
int fs_rename_durable(const char *from, const char *to, struct err *err);

/*
 * Like fs_rename_durable(), for a tree that other programs have written: flushes its whole file
 * system first.
 */
int fs_rename_tree_durable(const char *from, const char *to, struct err *err);

/* Flushes a directory to disk (fsync). */
int fs_sync_dir(const char *path, struct err *err);

/*
 * Reads a whole regular file. Returns -ENOENT without an error message; -EFBIG beyond `limit`
 * bytes.
 */
int fs_read_file(const char *path, size_t limit, struct buf *ret_data, struct err *err);

/* Like mkdir -p; existing directories are left as they are. */
int fs_make_dirs(const char *path, mode_t mode, struct err *err);

/*
 * Removes a tree, whatever the permissions inside, without ever following a symbolic link. A
 * missing path is not an error.
 */
int fs_remove_tree(const char *path, struct err *err);

/*
 * Lists the names in a directory, sorted, without "." and "..". Returns -ENOENT if it does not
 * exist.
 */
int fs_list_dir(const char *path, struct strv *ret_names, struct err *err);

/*
 * Takes an exclusive flock(2) on `path`, which is created if missing. Returns -EWOULDBLOCK if
 * another process holds it. The lock ends with the process; the file is removed by fs_unlock().
 */
int fs_lock(const char *path, int *ret_fd, struct err *err);

/*
 * Like fs_lock(), but waits. Returns -ECANCELED (class cancelled) if `cancel_fd` becomes readable
 * first.
 */
int fs_lock_wait(const char *path, int cancel_fd, int *ret_fd, struct err *err);

/*
 * Like fs_lock_wait(), with a shared lock. It is released by closing the descriptor, and the file
 * stays.
 */
int fs_lock_shared(const char *path, int cancel_fd, int *ret_fd, struct err *err);

/* Removes the file and releases the lock; a descriptor of -1 is allowed. */
void fs_unlock(const char *path, int fd);

/*
 * The space that a user can still write on a file system. If it does not count files, `files` is
 * UINT64_MAX.
 */
struct fs_room {
    uint64_t bytes, files;
};
int fs_free_space(const char *path, struct fs_room *ret_room, struct err *err);

/*
 * Returns true if the disk counts as full. It may have a little space again after small files were
 * removed.
 */
static inline bool fs_is_full(const struct fs_room *room)
{
    return room->bytes < 1U << 20 || room->files < 16;
}

/*
 * With room for fewer files than this, no task should be started: repository, suite and environment
 * need some.
 */
#define FS_FEW_FILES 1000

bool fs_exists(const char *path);

/* Returns true if anything has this name, including a dangling symbolic link. */
bool fs_is_there(const char *path);

/* Return true for this type of file; do not follow a symbolic link. */
bool fs_is_dir(const char *path);
bool fs_is_regular(const char *path);

/* Returns true for a directory or a symbolic link to one. */
bool fs_leads_to_dir(const char *path);

/*
 * Returns `path` resolved against the directory; an absolute path is returned unchanged. The caller
 * frees.
 */
char *fs_path_from(const char *dir, const char *path);

/* Returns the directory of the running program (from /proc/self/exe). The caller frees. */
char *fs_program_dir(void);
