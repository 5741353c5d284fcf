#pragma once

/* The files of finished tasks that are served over HTTP: those of a table, in kept/<key>/. */

#include "base/err.h"
#include "base/strv.h"

#include <stddef.h>
#include <stdint.h>

struct report_file {
    const char *name;
    const char *content_type;
};

/*
 * Parses "<key>/<name>", the path below /reports/. Returns NULL if it is not a file of the table.
 */
const struct report_file *report_file_find(const char *path, char **ret_key);

/*
 * Opens the file for reading, without following symbolic links. Returns -ENOENT if it is not kept
 * (any more).
 */
int report_file_open(const char *state_dir, const char *key, const struct report_file *file, int *ret_fd,
                     uint64_t *ret_size);

/* Lists the files of the table that exist in the directory, in the table's order. */
void report_file_list(const char *dir, struct strv *ret_names);
