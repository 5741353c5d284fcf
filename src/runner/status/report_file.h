#pragma once

/* The files of finished tasks that may be read over HTTP: those of the table, in kept/<key>/. */

#include "base/err.h"
#include "base/strv.h"

#include <stddef.h>
#include <stdint.h>

struct report_file {
    const char *name;
    const char *content_type;
};

/* What is at "<key>/<name>", as it stands behind /reports/; NULL where that is nothing that may be read. */
const struct report_file *report_file_find(const char *path, char **ret_key);

/* Opens it for reading; never through a symbolic link. -ENOENT where it is not kept, or not any more. */
int report_file_open(const char *state_dir, const char *key, const struct report_file *file, int *ret_fd,
                     uint64_t *ret_size);

/* The names of those that there are in a directory, in the table's order. */
void report_file_list(const char *dir, struct strv *ret_names);
