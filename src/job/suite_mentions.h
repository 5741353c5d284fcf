#pragma once

#include <stdbool.h>

/*
 * Whether any program in the tree has the word, other than in a line that is a comment. Documentation and
 * lists of requirements are left out.
 */
bool suite_mentions(const char *dir, const char *word);
