#pragma once

/*
 * Names that tools look for by themselves: a new file of such a name decides what the suite's own files mean.
 * The lists follow the manuals of pytest (initialization: determining rootdir and configfile), GNU make (3.2
 * What Name to Give Your Makefile), gdb, lldb and valgrind.
 */

#include "base/strv.h"

#include <stdbool.h>

/* Whether any tool looks for files of this name. */
bool suite_names_are_taken(const char *name);

/* Whether it would be taken in a directory that has these originals. */
bool suite_names_are_preferred(const char *name, const struct strv *originals);
