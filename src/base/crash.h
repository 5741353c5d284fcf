#pragma once

/*
 * Named places where a test has the process killed, as by a power cut: each state change on disk has one.
 * They exist only where the project is configured with -Dcrash_points=true; script/chaos goes through all.
 *
 *   OSTEST_CRASH_POINT  the name
 *   OSTEST_CRASH_TOKEN  path of a file; who comes to the place and removes it is killed
 */

#ifdef CRASH_POINTS
void crash_point(const char *name);
#else
#define crash_point(name) ((void)0)
#endif
