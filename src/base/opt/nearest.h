#pragma once

/*
 * Finds the word that a user probably meant: the candidate with the fewest changes from the input.
 * A change inserts, removes or replaces a character, or swaps two adjacent ones.
 */

#include <stddef.h>

#define NEAREST_MAX_BYTES 64 /* longer words never match */

struct nearest {
    const char *text; /* the input, not owned */
    size_t len;       /* its length */
    const char *best; /* the nearest so far, not owned; NULL: none is near enough */
    size_t distance;  /* changes from `text` to `best` */
};

/* Starts a search for the first `len` bytes of `text`. */
struct nearest nearest_init(const char *text, size_t len);
void nearest_offer(struct nearest *n, const char *word);
/*
 * Offers the words of `list`, separated by '|'. `best` may then point into the list, where its word
 * ends at the next '|'.
 */
void nearest_offer_list(struct nearest *n, const char *list);

/* Returns the length of the word at `best`. */
size_t nearest_len(const struct nearest *n);
