#include "sandbox/init/suite_names.h"

#include "test.h"

/* Returns true if the name is preferred to these originals, separated by blanks. */
static bool is_preferred(const char *name, const char *originals)
{
    CLEANUP(strv_done) struct strv list = {0};
    strv_split(&list, originals, " ");
    return suite_names_are_preferred(name, &list);
}

static void only_names_that_a_tool_looks_for_are_taken(void)
{
    static const char *const taken[] = {"conftest.py", ".pytest.ini", ".pytest.toml", "GNUmakefile",
                                        "makefile",    ".valgrindrc", "setup.cfg"};
    static const char *const others[] = {"conftest", "test_new.py", "Makefile.am", "", "gnumakefile", "x.mk"};
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        CHECK(suite_names_are_taken(taken[i]));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        CHECK(!suite_names_are_taken(others[i]) && !is_preferred(others[i], "Makefile pytest.ini"));
}

static void make_takes_the_first_of_its_names(void)
{
    CHECK(is_preferred("GNUmakefile", "Makefile"));
    CHECK(is_preferred("GNUmakefile", "makefile"));
    CHECK(is_preferred("makefile", "Makefile"));
    CHECK(!is_preferred("Makefile", "makefile"));
    CHECK(!is_preferred("makefile", "GNUmakefile Makefile"));
}

static void a_makefile_where_the_suite_has_none_is_not_preferred(void)
{
    CHECK(!is_preferred("GNUmakefile", "test_a.py data"));
    CHECK(!is_preferred("Makefile", ""));
}

static void pytest_takes_the_first_of_its_settings(void)
{
    CHECK(is_preferred(".pytest.ini", ""));
    CHECK(is_preferred("pytest.toml", "pytest.ini"));
    CHECK(is_preferred("pytest.ini", "tox.ini setup.cfg"));
    CHECK(!is_preferred(".pytest.ini", "pytest.ini"));
    CHECK(!is_preferred("setup.cfg", "pytest.ini"));
    /* An original that may contain nothing for pytest settles nothing. */
    CHECK(is_preferred("tox.ini", "pyproject.toml"));
}

static void code_that_pytest_loads_by_itself_is_always_preferred(void)
{
    CHECK(is_preferred("conftest.py", "conftest.pyc pytest.ini Makefile"));
}

TEST_MAIN(TEST(only_names_that_a_tool_looks_for_are_taken), TEST(make_takes_the_first_of_its_names),
          TEST(a_makefile_where_the_suite_has_none_is_not_preferred),
          TEST(pytest_takes_the_first_of_its_settings),
          TEST(code_that_pytest_loads_by_itself_is_always_preferred))
