#pragma once

#include <stdbool.h>

/*
 * Returns true if pytest would find settings or tests of its own in the directory: a settings file (of
 * setup.cfg and tox.ini only with a section for pytest, as pytest's rootdir rules have it), conftest.py, a
 * directory "tests", or a file named test_* or *_test.py. Hidden directories are left out.
 */
bool suite_has_pytest_signs(const char *dir);
