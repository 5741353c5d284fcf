#pragma once

/*
 * File names that tools look for: a new file with such a name changes the meaning of the suite's
 * own files. The lists follow the manuals of pytest (initialization: determining rootdir and
 * configfile), GNU make (3.2 What Name to Give Your Makefile), gdb, lldb and valgrind.
 */

#include "base/strv.h"

#include <stdbool.h>

/* Returns true if any tool looks for files of this name. */
bool suite_names_are_taken(const char *name);

/* Returns true if a tool would prefer the name in a directory with these originals. */
bool suite_names_are_preferred(const char *name, const struct strv *originals);
