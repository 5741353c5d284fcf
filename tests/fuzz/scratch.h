#pragma once

/*
 * A temporary directory for a target, in memory if possible, removed at exit. script/fuzz sets
 * FUZZ_SCRATCH and removes what a killed target leaves.
 */

#include "fuzz.h"

#include "base/fs.h"

static char *scratch_path;

static void scratch_remove(void)
{
    fs_remove_tree(scratch_path, NULL);
    free(scratch_path);
}

static inline const char *scratch_dir(void)
{
    const char *const places[] = {getenv("FUZZ_SCRATCH"), "/dev/shm", getenv("TMPDIR"), "/tmp"};
    for (size_t i = 0; i < ARRAY_LEN(places) && !scratch_path; i++) {
        char *path = places[i] ? mem_printf("%s/ostest-fuzz-XXXXXX", places[i]) : NULL;
        scratch_path = path && mkdtemp(path) ? TAKE_PTR(path) : NULL;
        free(path);
        if (scratch_path)
            atexit(scratch_remove);
    }
    REQUIRE(scratch_path);
    return scratch_path;
}
