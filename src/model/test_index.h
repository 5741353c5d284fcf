#pragma once

/*
 * Finds a run's tests by session and node id. Ids may repeat: of the tests of one name those that have not
 * ended are taken in the order in which they were added. Every operation takes logarithmic time, whatever the
 * names are: they come from the student's side of the sandbox.
 */

#include <stddef.h>
#include <sys/types.h>

struct test_index {
    void *names;  /* a tree of struct name, see tsearch(3) */
    size_t *next; /* by test: the next one of the same name that has not ended */
    size_t cap;
};

void test_index_done(struct test_index *index);

/* Adds a test, by its number, after the open ones of its name. `id` must stay valid until test_index_done().
 */
void test_index_add(struct test_index *index, unsigned session, const char *id, size_t test);

/* Returns the first test of this name that has not ended, or -1. */
ssize_t test_index_open(const struct test_index *index, unsigned session, const char *id);

/* The first open test of this name has ended. There must be one. */
void test_index_end(struct test_index *index, unsigned session, const char *id);

/* Opens the test of this name that ended last again, and returns it; -1 if none has ended. */
ssize_t test_index_reopen(struct test_index *index, unsigned session, const char *id);
