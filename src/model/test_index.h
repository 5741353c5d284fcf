#pragma once

/*
 * Finds a run's tests by session and node id. Ids may repeat: among tests of the same name, those
 * that have not ended are used in the order in which they were added. Every operation takes
 * logarithmic time for any names, since they come from the student's side of the sandbox.
 */

#include <stddef.h>
#include <sys/types.h>

struct test_index {
    void *names;  /* a tree of struct name, see tsearch(3) */
    size_t *next; /* by test: the next open one of the same name */
    size_t cap;
};

void test_index_done(struct test_index *index);

/*
 * Adds a test, by its number, after the open ones of the same name. `id` must stay valid until
 * test_index_done().
 */
void test_index_add(struct test_index *index, unsigned session, const char *id, size_t test);

/* Returns the first test of this name that has not ended, or -1. */
ssize_t test_index_open(const struct test_index *index, unsigned session, const char *id);

/* Ends the first open test of this name, which must exist. */
void test_index_end(struct test_index *index, unsigned session, const char *id);

/* Reopens the test of this name that ended last, and returns it; -1 if none has ended. */
ssize_t test_index_reopen(struct test_index *index, unsigned session, const char *id);
