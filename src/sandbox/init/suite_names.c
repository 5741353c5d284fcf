#include "sandbox/init/suite_names.h"

#include <string.h>
#include <sys/types.h>

/*
 * Read in any directory. pytest skips one with pyvenv.cfg; one with setup.py may become its root.
 */
static const char *const alone[] = {"conftest.py", "sitecustomize.py", "usercustomize.py",
                                    ".gdbinit",    ".gdbearlyinit",    ".lldbinit",
                                    ".valgrindrc", "pyvenv.cfg",       "setup.py"};

/* Of each list, a tool reads the first name that exists. */
static const struct order {
    const char *names[8];
    size_t len;
    /*
     * An original among this many first names settles it; others count only with certain contents.
     */
    size_t settling;
    bool needs_original; /* a new file matters only if the suite has a name of the list */
} orders[] = {
    {{"GNUmakefile", "makefile", "Makefile"}, 3, 3, true},
    {{"pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"},
     7,
     4,
     false},
};

static ssize_t find(const char *const *names, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++)
        if (strcmp(names[i], name) == 0)
            return (ssize_t)i;
    return -1;
}

bool suite_names_are_taken(const char *name)
{
    bool found = find(alone, ARRAY_LEN(alone), name) >= 0;
    for (size_t i = 0; !found && i < ARRAY_LEN(orders); i++)
        found = find(orders[i].names, orders[i].len, name) >= 0;
    return found;
}

static bool comes_first(const struct order *o, size_t rank, const struct strv *originals)
{
    bool has_later = false;
    for (size_t i = 0; i < o->len; i++) {
        if (!strv_contains(originals, o->names[i]))
            continue;
        if (i < rank && i < o->settling)
            return false;
        has_later = true;
    }
    return has_later || !o->needs_original;
}

bool suite_names_are_preferred(const char *name, const struct strv *originals)
{
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        ssize_t rank = find(orders[i].names, orders[i].len, name);
        if (rank >= 0)
            return comes_first(&orders[i], (size_t)rank, originals);
    }
    return suite_names_are_taken(name);
}
