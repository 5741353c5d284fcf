#pragma once

/*
 * Named places where a test can kill the process, as a power cut would: every state change on disk
 * has one. They exist only if the project is configured with -Dfailpoints=true; script/chaos hits
 * each of them.
 *
 *   OSTEST_FAILPOINT        name of the failpoint
 *   OSTEST_FAILPOINT_TOKEN  path of a file; a process at the failpoint is killed if it removes it
 */

#ifdef FAILPOINTS
void failpoint(const char *name);
#else
#define failpoint(name) ((void)0)
#endif
