#pragma once

/* Encodings of reports that expat does not support itself. */

#include <expat.h>
#include <stdbool.h>
#include <stddef.h>

/* Enough bytes to find the encoding in an XML declaration. */
#define JUNIT_ENCODING_HEAD_BYTES 256

/*
 * An XML_UnknownEncodingHandler for every single-byte encoding that iconv(3) knows and that
 * contains ASCII's letters (windows-1251, KOI8-R). Only single bytes are passed to iconv, never a
 * report.
 */
int junit_encoding_find(void *data, const XML_Char *name, XML_Encoding *ret_encoding);

/* Returns true if more bytes are needed before junit_encoding_is_utf8() can tell. */
bool junit_encoding_needs_more(const char *head, size_t len);

/*
 * Returns true if a report with this beginning is UTF-8 regardless of its declaration: it has a
 * UTF-8 byte order mark, or it claims in ASCII letters to be UTF-16, as .NET's string writers do.
 */
bool junit_encoding_is_utf8(const char *head, size_t len);
