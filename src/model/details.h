#pragma once

/*
 * Composes errorDetails: why a result is an error, or which limit it hit. The full text is for
 * local display (log, summary, report page, `ostest-runner run`); the brief one fits into the
 * backend's column.
 */

#include "base/strv.h"

#include <stddef.h>

/* VARCHAR(255), counted in characters: table attempt_results of os-nsu/ostest-back at d1aaa1a. */
#define DETAILS_MAX_CHARS 255

/* Zero-initialized; released with details_done(). */
struct details {
    struct details_sentence *sentences; /* owned */
    size_t len;
    char *last_words; /* owned; NULL: none */
};

void details_done(struct details *details);

/* Appends a sentence without a full stop. The most important one comes first. */
void details_say(struct details *details, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Appends a sentence with a list of names after a colon: as many as fit, then "and 7 more". Copies
 * the names.
 */
void details_say_names(struct details *details, const struct strv *names, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the last line that the run printed, shown at the end if it fits. NULL or "": none. */
void details_set_last_words(struct details *details, const char *words);

/*
 * Appends the sentences of `from` to `to`, and empties `from`; its last words, if any, replace
 * those of `to`.
 */
void details_move(struct details *to, struct details *from);

/* Return valid UTF-8, which the caller frees; "" if there are no details. */
char *details_full(const struct details *details);
char *details_brief(const struct details *details); /* at most DETAILS_MAX_CHARS characters */

/*
 * Shortens a plain text: removes the middle of long words (URLs, names, paths), then the middle of
 * the text, between words. Returns at most DETAILS_MAX_CHARS characters of valid UTF-8; the caller
 * frees.
 */
char *details_shorten(const char *text);
