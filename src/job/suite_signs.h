#pragma once

#include <stdbool.h>

/*
 * Returns true if pytest would find settings or tests in the directory: a settings file (setup.cfg
 * and tox.ini only with a section for pytest, according to pytest's rootdir rules), conftest.py, a
 * directory "tests", a file named test_*.py or *_test.py, or anything named test_* at the top.
 * Skips hidden directories.
 */
bool suite_has_pytest_signs(const char *dir);
