/*
 * Runs a target with all its stored inputs: the seeds in corpus/<target>/ and earlier findings in
 * findings/<target>/, or with the files given as arguments. Prints a TAP line for each file.
 */

#include "fuzz.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/strv.h"

#include <errno.h>

#define MAX_INPUT_BYTES (16U << 20)

static void add_files_of(const char *dir, struct strv *paths)
{
    CLEANUP(strv_done) struct strv names = {0};
    if (fs_list_dir(dir, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.len; i++)
        strv_pushf(paths, "%s/%s", dir, names.items[i]);
}

/* Copies the input to memory of its exact size, so that sanitizers detect reads past the end. */
static bool run(const char *path)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    if (fs_read_file(path, MAX_INPUT_BYTES, &text, NULL) < 0)
        return false;
    CLEANUP(mem_freep) uint8_t *exact = malloc(text.len ? text.len : 1);
    if (text.len)
        memcpy(exact, text.data, text.len);
    return LLVMFuzzerTestOneInput(exact, text.len) == 0;
}

int main(int argc, char **argv)
{
    CLEANUP(strv_done) struct strv paths = {0};
    for (int i = 1; i < argc; i++)
        strv_push(&paths, argv[i]);
    if (argc == 1) {
        add_files_of(FUZZ_DIR "/corpus/" FUZZ_TARGET, &paths);
        add_files_of(FUZZ_DIR "/findings/" FUZZ_TARGET, &paths);
    }
    printf("1..%zu\n", paths.len);
    bool all_ok = paths.len > 0;
    for (size_t i = 0; i < paths.len; i++) {
        printf("# %s\n", paths.items[i]);
        fflush(stdout); /* the last line if the target aborts */
        bool ok = run(paths.items[i]);
        printf("%s %zu - %s\n", ok ? "ok" : "not ok", i + 1, strrchr(paths.items[i], '/') + 1);
        all_ok = all_ok && ok;
    }
    return all_ok ? 0 : 1;
}
