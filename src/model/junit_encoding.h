#pragma once

/* Encodings of reports that expat does not know by itself. */

#include <expat.h>
#include <stdbool.h>
#include <stddef.h>

/* So many bytes are enough to find an XML declaration's encoding. */
#define JUNIT_ENCODING_HEAD_BYTES 256

/*
 * Of type XML_UnknownEncodingHandler: takes every encoding of one byte a character that iconv(3) knows and
 * that has ASCII's letters (windows-1251, KOI8-R). Only single bytes are handed to iconv, never a report.
 */
int junit_encoding_find(void *data, const XML_Char *name, XML_Encoding *ret_encoding);

/* Returns true if more bytes are needed before junit_encoding_is_utf8() can tell. */
bool junit_encoding_needs_more(const char *head, size_t len);

/*
 * Returns true if a report that begins so is UTF-8 whatever its declaration says: it has a byte order mark
 * of UTF-8, or it claims in ASCII letters to be UTF-16, as .NET's string writers do.
 */
bool junit_encoding_is_utf8(const char *head, size_t len);
