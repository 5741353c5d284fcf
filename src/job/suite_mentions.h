#pragma once

#include <stdbool.h>

/*
 * Returns false if the suite in this directory surely runs no pytest: no program in it has that word, other
 * than in a line that is a comment, or no python file has anything that pytest would run. Documentation and
 * lists of requirements do not count.
 */
bool suite_may_run_pytest(const char *dir);

/*
 * Returns true if a program in the tree has one of the words, which end with NULL, other than in a line that
 * is a comment. Documentation and lists of requirements do not count.
 */
bool suite_mentions(const char *dir, const char *const *words);
