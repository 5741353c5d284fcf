#pragma once

#include <stdbool.h>

/*
 * Returns false if the suite in this directory certainly does not run pytest: no program in it has
 * that word outside of comment lines, or no python file contains anything that pytest would run.
 * Documentation and lists of requirements do not count.
 */
bool suite_may_run_pytest(const char *dir);

/*
 * Returns true if a program in the tree contains one of the words outside of comment lines. `words`
 * ends with NULL. Documentation and lists of requirements do not count.
 */
bool suite_mentions(const char *dir, const char *const *words);
