#pragma once

/*
 * Reads a requirements file as pip does (pip._internal.req.req_file): UTF-8 with or without a byte
 * order mark, or UTF-16 with one; continued lines; included files (-r, -c, relative to the file);
 * packages of the suite (./pkg, -e ./pkg, relative to the suite).
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct requirements {
    /* Of the files, and of the local packages, archives and --find-links that they name. */
    uint64_t hash;
    struct strv options; /* lines that apply to other packages, too: indexes, constraints */
    bool is_local;       /* a local directory is installed */
    bool is_editable;    /* and used in place (-e) */
};

/*
 * Reads the file. `suite`: the working directory of pip. Adds to `ret->hash`, which the caller has
 * initialised. Returns -ENOENT if the file is missing; a missing file that it includes is no error
 * here, since pip will report it.
 */
int requirements_read(const char *path, const char *suite, struct requirements *ret, struct err *err);
void requirements_done(struct requirements *requirements);
