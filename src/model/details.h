#pragma once

/*
 * Composes errorDetails: why a result is an error, or which limit it hit. The full text is for people here
 * (log, summary, report page, `ostest-runner run`); the brief one fits into the backend's column.
 */

#include "base/strv.h"

#include <stddef.h>

/* os-nsu/ostest-back at d1aaa1a, table attempt_results: errorDetails is VARCHAR(255), counted in characters.
 */
#define DETAILS_MAX_CHARS 255

/* Zeroed before use; ended by details_done(). */
struct details {
    struct details_sentence *sentences; /* owned */
    size_t len;
    char *last_words; /* owned; NULL: none */
};

void details_done(struct details *details);

/* Appends a sentence, without a full stop. What matters most comes first. */
void details_say(struct details *details, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, with a list of names behind a colon: as many as fit, then "and 7 more". Copies the names. */
void details_say_names(struct details *details, const struct strv *names, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The last line that the run printed, shown at the end where there is room. NULL or "": nothing. */
void details_set_last_words(struct details *details, const char *words);

/* Moves all that `from` has behind what `to` has; last words of `from` replace those of `to`. */
void details_move(struct details *to, struct details *from);

/* Both return valid UTF-8, which the caller frees; "" if nothing was said. */
char *details_full(const struct details *details);
char *details_brief(const struct details *details); /* at most DETAILS_MAX_CHARS characters */

/*
 * Shortens a text that has no parts to choose from: long words (URLs, names, paths) lose their middle, then
 * the text does, between words. Returns at most DETAILS_MAX_CHARS characters of valid UTF-8; the caller
 * frees.
 */
char *details_shorten(const char *text);
