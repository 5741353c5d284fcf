#pragma once

/*
 * What the runner has to know of a requirements file, read as pip reads it (pip._internal.req.req_file):
 * UTF-8 with or without a byte order mark, or UTF-16 with one; lines that continue; files that it includes
 * (-r, -c, relative to the file); packages of the suite (./pkg, -e ./pkg, relative to the suite).
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct requirements {
    uint64_t hash; /* of the files, and of what they name of this machine: packages, archives, --find-links */
    struct strv options; /* lines that hold for other packages, too: indexes, constraints (absolute paths) */
    bool is_local;       /* a directory of this machine is to be installed */
    bool is_editable;    /* and is to be used where it is */
};

/*
 * `suite`: the directory that pip is started in. Adds to `ret->hash`, which the caller has begun. -ENOENT,
 * without a message, if the file is missing; one that it includes may be missing, which pip will say.
 */
int requirements_read(const char *path, const char *suite, struct requirements *ret, struct err *err);
void requirements_done(struct requirements *requirements);
