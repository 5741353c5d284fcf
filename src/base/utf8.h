#pragma once

/* Text from outside: made valid UTF-8, and cut to what is worth keeping. */

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes are valid UTF-8 (RFC 3629: no surrogates, nothing overlong). */
bool utf8_is_valid(const char *s, size_t len);

/*
 * A copy in which each ill-formed sequence has become U+FFFD, as the Unicode standard advises
 * (maximal subparts), and NUL has become U+FFFD too. The caller frees.
 */
char *utf8_repair(const char *s, size_t len);

/* Returns the length of the byte order mark at the start of the text, or 0. Programs on Windows write one; it
 * is not part of the text. */
size_t utf8_mark_len(const char *s, size_t len);

/* How many characters (code points) valid UTF-8 has; NULL: 0. */
size_t utf8_count(const char *s);

/*
 * The largest length <= `max` at which `s` can be cut without splitting a character;
 * and the smallest offset >= `from` at which a character starts.
 */
size_t utf8_cut(const char *s, size_t len, size_t max);
size_t utf8_resume(const char *s, size_t len, size_t from);
