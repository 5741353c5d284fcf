#pragma once

/*
 * The word that somebody may have meant: of those that are offered, the one that takes the fewest
 * changes to come from what was written. A change is one character more, less or another, or two
 * neighbours in the wrong order.
 */

#include <stddef.h>

#define NEAREST_MAX_BYTES 64 /* a longer word is near to none */

struct nearest {
    const char *text; /* what was written */
    size_t len;       /* of it */
    const char *best; /* the nearest so far; NULL: none is near enough. Not owned */
    size_t distance;  /* its */
};

/* `len`: as much of `text` as counts. */
struct nearest nearest_init(const char *text, size_t len);
void nearest_offer(struct nearest *n, const char *word);
/* The words of `list`, with '|' between. `best` is then the rest of the list from that word on. */
void nearest_offer_list(struct nearest *n, const char *list);

/* How many bytes of `best` are the word. */
size_t nearest_len(const struct nearest *n);
