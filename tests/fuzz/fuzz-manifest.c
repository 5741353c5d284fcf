/* Any bytes as a suite's ostest-suite.conf, and its command lines for two tasks. */

#include "memfile.h"
#include "scratch.h"

#include "job/manifest.h"

#include <sys/stat.h>

static void make_file(const char *path)
{
    REQUIRE(fs_write_atomic(path, "", 0, NULL) == 0);
}

/*
 * Returns a suite's directory with a link to the manifest; a file next to it is not of the suite.
 */
static const char *suite_dir(const char *manifest)
{
    static char dir[256];
    if (*dir)
        return dir;
    snprintf(dir, sizeof(dir), "%s/suite", scratch_dir());
    CLEANUP(mem_freep) char *link = mem_printf("%s/" MANIFEST_NAME, dir);
    CLEANUP(mem_freep) char *requirements = mem_printf("%s/requirements.txt", dir);
    CLEANUP(mem_freep) char *outside = mem_printf("%s/x", scratch_dir());
    REQUIRE(mkdir(dir, 0700) == 0 && symlink(manifest, link) == 0);
    make_file(requirements);
    make_file(outside);
    return dir;
}

static bool has_placeholder(const char *word)
{
    return strchr(word, '{') != NULL;
}

static void check_expanded(const struct manifest *m, const struct strv *tests)
{
    static int64_t labs[] = {1, 3};
    static const struct job_options options = {.proxy_timeout_s = 10};
    struct job job = {.options = &options,
                      .inside = {.src = "/box/src", .report = "/box/report.xml"},
                      .task = {.labs = labs, .labs_len = ARRAY_LEN(labs), .tests = *tests}};
    CLEANUP(strv_done) struct strv argv = {0};
    struct err err = {0};
    if (manifest_expand(&m->command, &job, &argv, &err) < 0) {
        REQUIRE(err.class != ERR_NONE && *err.message);
        return;
    }
    REQUIRE(argv.len > 0);
    for (size_t i = 0; i < m->command.len && !has_placeholder(m->command.items[i]); i++)
        REQUIRE(i < argv.len && strcmp(argv.items[i], m->command.items[i]) == 0);
}

static void check_read(const char *dir, const struct manifest *m)
{
    static char *words[][3] = {{NULL}, {(char *)"test_a", (char *)"b::c", NULL}};
    REQUIRE(m->command.len > 0 && m->command.len <= 1000);
    size_t len = strlen(dir);
    REQUIRE(!m->requirements || (strncmp(m->requirements, dir, len) == 0 && m->requirements[len] == '/' &&
                                 !strstr(m->requirements, "..") && fs_is_regular(m->requirements)));
    for (size_t i = 0; i < m->may_change.len; i++)
        REQUIRE(*m->may_change.items[i]);
    check_expanded(m, &(struct strv){words[0], 0});
    check_expanded(m, &(struct strv){words[1], 2});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *dir = suite_dir(file_in_memory(data, size));
    struct manifest manifest = {0};
    struct err err = {0};
    int r = manifest_read(dir, &manifest, &err);
    REQUIRE((r == 0) == !*err.message && (r < 0 || !memchr(data, '\0', size)));
    if (r == 0)
        check_read(dir, &manifest);
    manifest_done(&manifest);
    return 0;
}
