#pragma once

/*
 * Whose fault it is that git failed. What git read comes from outside, so a failure to read it is the
 * task's, unless something shows that it is this machine's.
 */

#include "base/err.h"
#include "job/git.h"

/*
 * Fills `err`, which holds the failure of a child as capture_run() gives it, with the class and a sentence
 * for the student or the operator, and returns the code that git_run() promises. `messages` is git's
 * standard error. To be called only for commands that read a repository.
 *
 * The fault is this machine's (class environment) if
 *  - the mirror or the work tree cannot be written to, or their file system is full;
 *  - git itself, not the server, ended a message with the text of an errno that only this machine can cause
 *    (quota, memory, processes, descriptors, I/O). "No space left on device" counts if there is less room
 *    than the repository may take, "Out of memory" unless git wanted more than a repository may take.
 * A server that cannot be reached, or answers nonsense, is of class network: the caller looks whether
 * others can be reached. Everything else is of class task; -EIO: the mirror may be damaged instead.
 */
int git_fault_explain(const struct git *git, const struct git_command *command, const struct buf *messages,
                      struct err *err);
