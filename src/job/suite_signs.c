#include "job/suite_signs.h"

#include "base/buf.h"
#include "base/fs.h"

#include <fnmatch.h>
#include <fts.h>
#include <string.h>

/* Limit of a settings file. */
#define FILE_LIMIT_BYTES (1U << 20)

/* A settings file that tools share counts only with pytest's section. */
static const struct sign {
    const char *name;
    const char *section; /* NULL: the file alone suffices */
} signs[] = {
    {"pytest.ini", NULL},   {".pytest.ini", NULL}, {"pytest.toml", NULL},
    {".pytest.toml", NULL}, {"conftest.py", NULL}, {"pyproject.toml", NULL},
    {"tests", NULL},        {"tox.ini", "pytest"}, {"setup.cfg", "tool:pytest"},
};

static bool has_section(const char *path, const char *section)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    if (fs_read_file(path, FILE_LIMIT_BYTES, &text, NULL) < 0 || !text.data)
        return false;
    size_t len = strlen(section);
    for (const char *line = text.data; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (line[0] == '[' && strncmp(line + 1, section, len) == 0 && line[1 + len] == ']')
            return true;
    return false;
}

static bool has_sign(const char *dir, const struct sign *sign)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, sign->name);
    return sign->section ? has_section(path, sign->section) : fs_exists(path);
}

/* Returns true for a test file; in the root, for anything named test_*. */
static bool is_test(const FTSENT *e)
{
    if (e->fts_level == 1 && strncmp(e->fts_name, "test_", 5) == 0)
        return true;
    return e->fts_info == FTS_F &&
           (fnmatch("test_*.py", e->fts_name, 0) == 0 || fnmatch("*_test.py", e->fts_name, 0) == 0);
}

static bool has_tests(const char *dir)
{
    char *const roots[] = {(char *)dir, NULL};
    bool found = false;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree)
        return false;
    for (FTSENT *e; !found && (e = fts_read(tree));) {
        if (e->fts_info == FTS_D && e->fts_level > 0 && e->fts_name[0] == '.')
            fts_set(tree, e, FTS_SKIP);
        found = e->fts_level > 0 && is_test(e);
    }
    fts_close(tree);
    return found;
}

bool suite_has_pytest_signs(const char *dir)
{
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (has_sign(dir, &signs[i]))
            return true;
    return has_tests(dir);
}
