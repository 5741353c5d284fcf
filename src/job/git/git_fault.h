#pragma once

/*
 * Decides whose fault a failure of git is. What git reads comes from outside, so a failure to read
 * it is the task's fault unless there is evidence that it is this machine's.
 */

#include "base/buf.h"
#include "base/err.h"
#include "job/git/git_command.h"

/*
 * Replaces the error in `err`, as capture_run() has set it, by a class and a sentence for the
 * student or the operator, and returns the code that git_run() documents. `messages` is git's
 * standard error. Call it only for commands that read a repository.
 *
 * The fault is this machine's (class environment) if
 *  - the mirror or the work tree is not writable, or their file system is full;
 *  - git itself, not the server, ended a message with the text of an errno that only this machine
 *    can cause (quota, memory, processes, descriptors, I/O). "No space left on device" counts if
 *    less space is free than the repository may take, "Out of memory" unless git tried to allocate
 *    more than that.
 * A server that is unreachable or violates the protocol is an error of class network: the caller
 * checks whether others can be reached. Every other failure is of class task; with -EIO the mirror
 * may be damaged instead.
 */
int git_fault_explain(const struct git *git, const struct git_command *command, const struct buf *messages,
                      struct err *err);
