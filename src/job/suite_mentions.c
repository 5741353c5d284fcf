#include "job/suite_mentions.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/str.h"

#include <fnmatch.h>
#include <fts.h>
#include <string.h>

/* Longer files are data, not programs of a suite. */
#define FILE_LIMIT_BYTES (256U << 10)

static bool is_program(const char *name)
{
    static const char *const others[] = {"requirements*", "*.txt", "*.md", "*.rst", "*.lock", ".git*"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (fnmatch(others[i], name, 0) == 0)
            return false;
    return true;
}

/*
 * Returns true if the line begins like a comment in most languages, a line within a C comment, or
 * the first line of a python docstring.
 */
static bool is_comment(const char *line)
{
    static const char *const marks[] = {"#", "//", "/*", "* ", "*/", "\"\"\"", "'''"};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (strncmp(line, marks[i], strlen(marks[i])) == 0)
            return true;
    return false;
}

static bool text_has(const char *text, const char *word)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *begin = line + strspn(line, " \t");
        size_t len = strcspn(begin, "\n");
        if (!is_comment(begin) && memmem(begin, len, word, strlen(word)))
            return true;
    }
    return false;
}

static bool file_has_any(const char *path, const char *const *words)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    if (fs_read_file(path, FILE_LIMIT_BYTES, &text, NULL) < 0 || !text.data)
        return false;
    for (; *words; words++)
        if (text_has(text.data, *words))
            return true;
    return false;
}

/* Like suite_mentions(), for programs whose names match the pattern. */
static bool mentions(const char *dir, const char *pattern, const char *const *words)
{
    char *const roots[] = {(char *)dir, NULL};
    bool found = false;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree)
        return true; /* the caller then tries */
    for (FTSENT *e; !found && (e = fts_read(tree));) {
        if (e->fts_info == FTS_D && e->fts_level > 0 && !is_program(e->fts_name))
            fts_set(tree, e, FTS_SKIP);
        found = e->fts_info == FTS_F && is_program(e->fts_name) && fnmatch(pattern, e->fts_name, 0) == 0 &&
                file_has_any(e->fts_path, words);
    }
    fts_close(tree);
    return found;
}

bool suite_may_run_pytest(const char *dir)
{
    static const char *const pytest[] = {"pytest", NULL};
    static const char *const tests[] = {"def test", "class Test", "import pytest", "from pytest", NULL};
    return mentions(dir, "*", pytest) && mentions(dir, "*.py", tests);
}

bool suite_mentions(const char *dir, const char *const *words)
{
    return mentions(dir, "*", words);
}
