#pragma once

/* Makes input valid UTF-8, and truncates it. */

#include <stdbool.h>
#include <stddef.h>

/* Returns true if the bytes are valid UTF-8 (RFC 3629: no surrogates, nothing overlong). */
bool utf8_is_valid(const char *s, size_t len);

/*
 * Returns a copy with each ill-formed sequence replaced by U+FFFD, as the Unicode standard advises
 * (maximal subparts), and likewise each NUL. The caller frees.
 */
char *utf8_repair(const char *s, size_t len);

/*
 * Returns the length of the byte order mark at the start of the text, or 0. Programs on Windows
 * write one; it is not part of the text.
 */
size_t utf8_mark_len(const char *s, size_t len);

/* Returns the number of characters (code points) in valid UTF-8; NULL: 0. */
size_t utf8_count(const char *s);

/*
 * utf8_cut() returns the largest length <= `max` that does not split a character, utf8_resume() the
 * smallest offset >= `from` at which a character starts.
 */
size_t utf8_cut(const char *s, size_t len, size_t max);
size_t utf8_resume(const char *s, size_t len, size_t from);
